"""English sentences as intents, by patterns alone. Pure: text in, intent out, no tasks known here."""

import re
from dataclasses import dataclass
from typing import Literal

from ..tasks import Status

Verb = Literal[
    "add", "list", "complete", "complete_all", "reopen", "delete", "delete_done", "delete_all", "rename", "help", "unknown"
]


@dataclass(frozen=True)
class Intent:
    verb: Verb
    titles: tuple[str, ...] = ()
    target: str = ""
    status: Status = "all"
    confirmed: bool = False


NOUN = r"(?:(?:to-?\s?do|task)\s+(?:item|entry)|tasks?|to-?\s?dos?|items?|reminders?|entry|entries)"
LIST = r"(?:(?:my|the|our|this)\s+)?(?:(?:to-?\s?do|task|shopping)\s+)?(?:list|tasks|to-?\s?dos)"
DONE = r"(?:done|completed?|finished|closed|ticked(?: off)?|checked(?: off)?)"
NOT_DONE = r"(?:not\s+(?:yet\s+)?(?:done|completed?|finished)(?:\s+yet)?|undone|incomplete|unfinished|open|pending)"

POLITE_START = re.compile(
    r"^(?:(?:please|pls|hey|hi|hello|ok|okay|so|and|also|now|then|thanks|"
    r"(?:can|could|would|will) you(?: please)?|i(?:'d| would) like (?:you )?to|i want you to|let's|let us|"
    r"i want to(?= (?:add|delete|remove|rename|list|see|show|mark|reopen)\b))\b[\s,.!:]*)+",
    re.IGNORECASE,
)
POLITE_END = re.compile(r"(?:[\s,]+(?:please|pls|thanks|thank you|for me|now))*[\s.!?]*$", re.IGNORECASE)
QUOTED = re.compile(r"[\"“„«]([^\"“”„«»]+)[\"”“»]|(?<!\w)['‘]([^'‘’]+)['’](?!\w)")


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE | re.DOTALL)


HELP = _pattern(r"^(?:help|\?|commands|what can (?:you|i) do|how does (?:this|it) work|who are you|how can you help)\b")
GREETING = _pattern(r"^(?:hi|hello|hey|good (?:morning|evening|afternoon)|thanks|thank you)(?: there| bot| todo)?[\s!.,]*$")

RENAME = [
    _pattern(r"^(?:rename|retitle|reword)\s+(?P<target>.+?)\s+(?:to|as|into|->|→|=>)\s+(?P<title>.+)$"),
    _pattern(
        r"^(?:change|update|edit|modify|replace)\s+(?:(?:the\s+)?(?:title|name)\s+of\s+)?(?P<target>.+?)"
        r"\s+(?:to|into|with|->|→|=>)\s+(?P<title>.+)$"
    ),
    _pattern(rf"^(?:change|update|edit|rename)\s+(?P<target>(?:{NOUN}\s+)?#?\d+)\s*[:,]\s*(?P<title>.+)$"),
]
REOPEN = [
    _pattern(r"^(?:re-?open|un-?(?:check|tick|mark|do|complete|finish))\s+(?P<target>.+)$"),
    _pattern(rf"^(?:mark|set|put)\s+(?P<target>.+?)\s+(?:as\s+|to\s+|back\s+to\s+)?{NOT_DONE}$"),
    _pattern(rf"^(?P<target>.+?)\s+(?:is|are|was)(?:n't|\s+not)\s+(?:yet\s+)?{DONE}(?:\s+yet)?$"),
]
ADD = [
    _pattern(rf"^(?:create|make|start|open|write(?: down)?|set up)\s+(?:an?\s+|another\s+|the\s+)?(?:new\s+)?{NOUN}\b(?P<title>.+)$"),
    _pattern(rf"^new\s+{NOUN}\b(?P<title>.+)$"),
    _pattern(r"^(?:add|insert|append|note(?: down)?|jot down|write down)\b(?P<title>.+)$"),
    _pattern(rf"^put\s+(?P<title>.+?)\s+(?:on|in|into|onto)\s+{LIST}$"),
    _pattern(r"^remind me\s+(?:to|about|of|that)\s+(?P<title>.+)$"),
    _pattern(r"^(?:remember|(?:do not|don't|dont|never)\s+(?:let me\s+)?forget)\s+(?:to\s+|about\s+)?(?P<title>.+)$"),
    _pattern(r"^(?:i|we)(?:'ve| have)?\s+(?:really\s+|also\s+)?(?:need to|have to|got to|gotta|must|should|ought to|want to)\s+(?P<title>.+)$"),
    _pattern(r"^(?:i|we)\s+(?:need|have)\s+(?:a\s+)?(?:new\s+)?(?:task|reminder|to-?do)\s+(?P<title>.+)$"),
    _pattern(r"^(?:to-?\s?do|task|reminder)\s*[:\-–]\s*(?P<title>.+)$"),
]
LISTING = [
    _pattern(r"^(?:list|ls|tasks|to-?dos?|show|overview|agenda|all tasks|my tasks|my (?:to-?do )?list)$"),
    _pattern(r"^(?:what|what's|whats|which|how many|do i have|have i|did i|is there|are there|anything|any)\b.*$"),
]
SHOW = {"list", "show", "display", "see", "view", "read", "print", "tell", "give", "check", "get"}
SHOWN = set(
    "me all my the of that which what what's whats is are everything every only just about on i have still to do task tasks todo todos "
    "to-do to-dos item items reminders list done complete completed finished closed not yet undone incomplete unfinished "
    "open pending left remaining current".split()
)
COMPLETE = [
    _pattern(rf"^(?:mark|set|flag)\s+(?P<target>.+?)\s+(?:as\s+|to\s+)?{DONE}$"),
    _pattern(rf"^(?:mark|set)\s+(?:as\s+)?{DONE}\s*:?\s+(?P<target>.+)$"),
    _pattern(rf"^(?:tick|check|cross|strike)\s+(?P<target>.+?)\s+off(?:\s+(?:from\s+|of\s+)?{LIST})?$"),
    _pattern(rf"^(?:complete|finish|close|resolve|(?:tick|check|cross)(?: off)?)\s+(?P<target>.+?)(?:\s+(?:on|from|off)\s+{LIST})?$"),
    _pattern(rf"^(?:i|we)(?:'ve|'m|'re| have| am| are)?\s+(?:just\s+|already\s+)?{DONE}\s+(?:with\s+)?(?P<target>.+)$"),
    _pattern(rf"^{DONE}\s*:?\s+(?:with\s+)?(?P<target>.+)$"),
    _pattern(rf"^(?P<target>.+?)\s+(?:is|are|was|has been|have been)\s+(?:now\s+|already\s+)?{DONE}$"),
    _pattern(rf"^(?P<target>#?\d+)\s+{DONE}$"),
]
DELETE = [
    _pattern(
        r"^(?:delete|remove|drop|erase|discard|cancel|clear|scratch|trash|get rid of|throw away|forget(?: about)?|del|rm)\s+"
        rf"(?P<target>.+?)(?:\s+(?:from|off|on)\s+{LIST})?$"
    ),
    _pattern(rf"^(?:take|cross|strike)\s+(?P<target>.+?)\s+(?:off|from|out of)\s+{LIST}$"),
]

EVERYTHING = _pattern(rf"^(?:all|every(?:thing)?)(?:\s+(?:of\s+)?(?:my|the|open|remaining)\s*)*\s*(?:{NOUN}|list)?$|^{LIST}$")
ALL_DONE = _pattern(rf"^(?:all\s+)?(?:of\s+)?(?:my\s+|the\s+)?{DONE}(?:\s+(?:{NOUN}|ones))?$|^all\s+(?:that\s+)?(?:is|are)\s+{DONE}$")
LEADING_NOUN = _pattern(
    rf"^(?:\s*[:,\-–]?\s*(?:(?:an?|another|the|this|my|these|following|new)\s+)*{NOUN}\b)?"
    r"(?:\s*(?:called|named|titled|saying|that says|which says|to|for|about)\b)?\s*[:\-–]?\s*"
)
PLURAL = _pattern(r"^\s*(?:(?:the|these|following|new|my|some|two|three|four|five|\d+)\s+)*(?:tasks|to-?dos|items|reminders)\b")
TRAILING_LIST = _pattern(rf"\s+(?:to|on|onto|in|into|for)\s+{LIST}$|\s+as\s+(?:a\s+)?(?:new\s+)?{NOUN}$")


def understand(text: str) -> Intent:
    sentence = " ".join(text.replace("’", "'").split())
    if GREETING.match(sentence) or HELP.match(sentence):
        return Intent("help")
    confirmed = bool(re.match(r"yes\b", sentence, re.IGNORECASE))
    sentence = re.sub(r"^yes\b[\s,.!:]*", "", sentence, flags=re.IGNORECASE)
    sentence = POLITE_END.sub("", POLITE_START.sub("", sentence))
    if HELP.match(sentence):
        return Intent("help")

    if found := _first(ADD, sentence):
        if titles := _titles(found["title"]):
            return Intent("add", titles=titles)
    if found := _first(RENAME, sentence):
        return Intent("rename", target=_target(found["target"]), titles=(_unquoted(found["title"]),))
    if _first(LISTING, sentence) or _shows(sentence):
        return Intent("list", status=_status(sentence))
    if found := _first(REOPEN, sentence):
        return Intent("reopen", target=_target(found["target"]))
    if found := _first(COMPLETE, sentence):
        if EVERYTHING.match(found["target"]):
            return Intent("complete_all")
        return Intent("complete", target=_target(found["target"]))
    if found := _first(DELETE, sentence):
        if ALL_DONE.match(found["target"]):
            return Intent("delete_done")
        if EVERYTHING.match(found["target"]):
            return Intent("delete_all", confirmed=confirmed)
        return Intent("delete", target=_target(found["target"]))
    return Intent("unknown")


def task_ids(target: str) -> tuple[int, ...]:
    """The numbers of "3", "#3", "1, 2 and 5"; nothing if the text is not numbers alone."""
    if not re.fullmatch(r"#?\d{1,18}(?:(?:\s*,\s*(?:and\s+)?|\s+and\s+|\s*&\s*|\s+)#?\d{1,18})*", target, re.IGNORECASE):
        return ()
    return tuple(dict.fromkeys(int(number) for number in re.findall(r"\d+", target)))


def _first(patterns: list[re.Pattern[str]], sentence: str) -> re.Match[str] | None:
    return next((found for pattern in patterns if (found := pattern.match(sentence))), None)


def _shows(sentence: str) -> bool:
    verb, *rest = sentence.lower().split() or [""]
    return verb in SHOW and bool(rest) and SHOWN.issuperset(rest)


def _titles(text: str) -> tuple[str, ...]:
    quoted = [double or single for double, single in QUOTED.findall(text)]
    if quoted:
        return tuple(quoted)
    several = PLURAL.match(text)
    rest = TRAILING_LIST.sub("", LEADING_NOUN.sub("", text.strip(), count=1)).strip(" ,:;")
    if not several:
        return (rest,) if rest else ()
    parts = re.split(r"\s*(?:[,;]\s*(?:and\s+)?|\band\b)\s*", rest, flags=re.IGNORECASE)
    return tuple(part for part in parts if part)


def _target(text: str) -> str:
    unquoted = _unquoted(text)
    if unquoted != text.strip():
        return unquoted
    noun = rf"^(?:(?:the|my|this|that)\s+)?(?:{NOUN}\s+)?(?:(?:called|named|titled|number|numbers|no\.?|id)\s+)?"
    bare = re.sub(noun, "", unquoted, flags=re.IGNORECASE)
    return _unquoted(re.sub(rf"\s+{NOUN}$", "", bare, flags=re.IGNORECASE) or bare or unquoted)


def _unquoted(text: str) -> str:
    found = QUOTED.search(text)
    return (found[1] or found[2]).strip() if found else text.strip()


def _status(sentence: str) -> Status:
    if re.search(rf"{NOT_DONE}|remaining|left|\bto do\b|still", sentence, re.IGNORECASE):
        return "open"
    if re.search(rf"\b{DONE}\b|\bdid i\b", sentence, re.IGNORECASE):
        return "done"
    return "all"
