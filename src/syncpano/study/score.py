"""What the participants of a user study preferred. No torch."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from syncpano import files
from syncpano.errors import SyncPanoError
from syncpano.study.form import ASPECTS, KEY_SCHEMA

ANSWERS_SCHEMA = "syncpano.study-answers/1"
Z_95 = 1.959963984540054  # quantile of the standard normal distribution for 95 %
SIDES = ("first", "second")
_SHOWN = ("a", "b", "montage")  # of runs A and B, or of neither


@dataclass(frozen=True)
class Preference:
    """How often run A was preferred to run B.

    Attributes:
        n: answers, over all participants and questions.
        share: preferred / n.
        low, high: Wilson's interval for 95 %. It takes answers as independent.
    """

    preferred: int
    n: int
    share: float | None
    low: float | None
    high: float | None


@dataclass
class Score:
    """The outcome of a study.

    Attributes:
        preferences: aspect -> preference for run A.
        participants: whose answers count.
        dropped: participant -> the vigilance questions that were failed.
        skipped: file -> why it could not be read.
    """

    preferences: dict[str, Preference] = field(default_factory=dict)
    participants: list[str] = field(default_factory=list)
    dropped: dict[str, list[int]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)


def wilson(successes: int, n: int, z: float = Z_95) -> tuple[float, float]:
    """Wilson's score interval of a proportion (Wilson, JASA 1927)."""
    assert 0 <= successes <= n
    assert n > 0
    share = successes / n
    centre = share + z * z / (2 * n)
    margin = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, (centre - margin) / scale), min(1.0, (centre + margin) / scale)


def score(answers: Sequence[Path], key: Mapping[str, Any]) -> Score:
    """Count what the attentive participants preferred.

    A participant who takes a montage for the more coherent picture, or leaves that question out,
    is dropped whole. A file that cannot be used is listed with the reason.

    Raises:
        SyncPanoError: none can be used.
    """
    result = Score()
    answers = list(dict.fromkeys(answers))
    questions = {question["number"]: question for question in key["questions"]}
    votes: dict[str, list[bool]] = {aspect: [] for aspect in ASPECTS}
    for participant, content in _latest(answers, key["study"], result.skipped).items():
        given = {answer.get("question"): answer for answer in content["answers"]}
        failed = [
            number
            for number, question in questions.items()
            if question["vigilance"] and not _is_awake(question, given.get(number, {}))
        ]
        if failed:
            result.dropped[participant] = failed
            continue
        result.participants.append(participant)
        for number, question in questions.items():
            if not question["vigilance"]:
                _count(question, given.get(number, {}), votes)
    if len(result.skipped) == len(answers):
        first, reason = next(iter(result.skipped.items()))
        raise SyncPanoError(
            f"none of the files can be used; {first}: {reason}",
            hint="give the files that the form's participants downloaded",
        )
    result.preferences = {aspect: _preference(cast) for aspect, cast in votes.items()}
    return result


def _latest(
    answers: Sequence[Path], study: str, skipped: dict[str, str]
) -> dict[str, dict[str, Any]]:
    """Participant -> the answers that were finished last; all other files go to `skipped`."""
    read: list[tuple[str, Path, dict[str, Any]]] = []
    for path in answers:
        try:
            content = _read_answers(path, study)
        except SyncPanoError as error:
            skipped[str(path)] = error.message
            continue
        read.append((str(content.get("finished_at", "")), path, content))
    found: dict[str, dict[str, Any]] = {}
    for _, path, content in sorted(read, key=lambda entry: entry[0], reverse=True):
        participant = content["participant"]
        if participant in found:
            skipped[str(path)] = f"participant {participant[:8]} has later answers"
            continue
        found[participant] = content
    return found


def read_key(path: Path) -> dict[str, Any]:
    """The key that `study build` wrote.

    Raises:
        SyncPanoError: it is missing or something else.
    """
    content = _read_json(path)
    questions = content.get("questions")
    whole = (
        content.get("schema") == KEY_SCHEMA
        and isinstance(content.get("study"), str)
        and isinstance(questions, list)
        and len(questions) > 0
        and all(map(_is_question, questions))
    )
    if not whole:
        raise SyncPanoError(f"{path} is no key of a study", hint="`study build` writes key.json")
    return content


def _is_question(found: object) -> bool:
    """Whether it has what counting needs."""
    return (
        isinstance(found, dict)
        and isinstance(found.get("number"), int)
        and all(found.get(side) in _SHOWN for side in SIDES)
        and isinstance(found.get("vigilance"), bool)
    )


def find_key(answers: Sequence[Path]) -> Path:
    """key.json beside the answers, one folder above them, or in ./study.

    Raises:
        SyncPanoError: it is in none of them, or there are no answers either.
    """
    if not any(files.is_file(path) for path in answers):
        raise SyncPanoError(f"{answers[0]} is no file", hint="give the answers that the form saved")
    folder = answers[0].absolute().parent
    places = [folder, folder.parent, Path("study")]
    for place in places:
        if files.is_file(place / "key.json"):
            return place / "key.json"
    raise SyncPanoError("the study's key.json was not found", hint="give it by `--key FILE`")


def _read_answers(path: Path, study: str) -> dict[str, Any]:
    content = _read_json(path)
    if content.get("schema") != ANSWERS_SCHEMA:
        raise SyncPanoError("it holds no answers of a study")
    if content.get("study") != study:
        raise SyncPanoError("it answers another study")
    answers, participant = content.get("answers"), content.get("participant")
    if not isinstance(answers, list) or not isinstance(participant, str):
        raise SyncPanoError("it is damaged")
    if not all(
        isinstance(answer, dict) and isinstance(answer.get("question"), int) for answer in answers
    ):
        raise SyncPanoError("it is damaged")
    return content


_FILES = "`study build` writes key.json, and its form the answers"


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SyncPanoError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise SyncPanoError(f"{path} is no JSON", hint=_FILES) from error
    if not isinstance(content, dict):
        raise SyncPanoError(f"{path} holds no JSON object", hint=_FILES)
    return content


def _is_awake(question: Mapping[str, Any], answer: Mapping[str, Any]) -> bool:
    chosen = answer.get("coherence")
    return chosen in SIDES and question[chosen] != "montage"


def _count(
    question: Mapping[str, Any], answer: Mapping[str, Any], votes: Mapping[str, list[bool]]
) -> None:
    for aspect, cast in votes.items():
        chosen = answer.get(aspect)
        if chosen in SIDES:
            cast.append(question[chosen] == "a")


def _preference(cast: Sequence[bool]) -> Preference:
    if not cast:
        return Preference(0, 0, None, None, None)
    low, high = wilson(sum(cast), len(cast))
    return Preference(sum(cast), len(cast), sum(cast) / len(cast), low, high)
