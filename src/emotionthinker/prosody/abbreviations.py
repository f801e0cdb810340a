"""What short forms stand for when they are said: abbreviations, symbols, units, currencies (English, German)."""

from __future__ import annotations

Table = dict[str, dict[str, str]]

ABBREVIATIONS: Table = {
    "en": {
        "mr": "mister", "mrs": "missus", "ms": "miz", "dr": "doctor", "st": "saint", "prof": "professor",
        "vs": "versus", "etc": "et cetera", "jr": "junior", "sr": "senior", "dept": "department",
        "approx": "approximately", "inc": "incorporated", "ltd": "limited", "gen": "general", "capt": "captain",
        "ave": "avenue", "blvd": "boulevard", "rd": "road", "mt": "mount", "ft": "fort", "sgt": "sergeant",
        "lt": "lieutenant", "col": "colonel", "rev": "reverend", "gov": "governor", "co": "company",
        "corp": "corporation", "e.g": "for example", "i.e": "that is", "eg": "for example", "ie": "that is",
        "jan": "january", "feb": "february", "mar": "march", "apr": "april", "jun": "june", "jul": "july",
        "aug": "august", "sep": "september", "sept": "september", "oct": "october", "nov": "november",
        "dec": "december", "mon": "monday", "tue": "tuesday", "wed": "wednesday", "thu": "thursday", "fri": "friday",
        "fig": "figure", "vol": "volume", "ed": "edition",
    },
    "de": {
        "dr": "doktor", "hr": "herr", "fr": "frau", "nr": "nummer", "usw": "und so weiter", "ca": "zirka",
        "z.b": "zum beispiel", "d.h": "das heißt", "u.a": "unter anderem", "bzw": "beziehungsweise", "str": "straße",
        "st": "sankt", "prof": "professor", "evtl": "eventuell", "ggf": "gegebenenfalls", "vgl": "vergleiche",
        "mio": "millionen", "mrd": "milliarden", "inkl": "inklusive", "tel": "telefon",
        "u.u": "unter umständen", "o.ä": "oder ähnliches", "u.ä": "und ähnliches", "i.d.r": "in der regel",
        "z.t": "zum teil", "u.s.w": "und so weiter", "v.chr": "vor christus", "n.chr": "nach christus",
    },
}  # fmt: skip
DOTTED_ONLY = frozenset(
    "st gen fr inc ms hr ca ave rd mt ft lt col rev gov co corp eg ie jan feb mar apr jun jul aug sep sept oct nov dec "
    "mon tue wed thu fri fig vol ed str tel".split()
)
"""Abbreviations that are also words or names: read as abbreviations only with their full stop."""
BESIDE_A_NUMBER = frozenset("fig vol ed jan feb mar apr jun jul aug sep sept oct nov dec".split())
BEFORE_A_NAME = frozenset("gen lt col rev gov mt ft".split())
"""Words or names of their own (`I saw Jan.`): abbreviations only beside a number, or before a name."""
AFTER_A_NAME = {"st": "street", "dr": "drive"}
"""`Main St.`, `Elm Dr.`: after a name and before none they are roads."""
SYMBOLS: Table = {
    "en": {
        "&": "and", "%": "percent", "+": "plus", "=": "equals", "@": "at", "$": "dollars", "€": "euros", "£": "pounds",
        "¥": "yen", "#": "number", "°": "degrees", "¢": "cents", "×": "times", "<": "less than", ">": "more than",
    },
    "de": {
        "&": "und", "%": "prozent", "+": "plus", "=": "gleich", "@": "at", "$": "dollar", "€": "euro", "£": "pfund",
        "¥": "yen", "#": "nummer", "°": "grad", "×": "mal", "§": "paragraph",
    },
}  # fmt: skip
CURRENCIES: dict[str, dict[str, tuple[str, str]]] = {
    "en": {"$": ("dollar", "dollars"), "€": ("euro", "euros"), "£": ("pound", "pounds"), "¥": ("yen", "yen")},
    "de": {"$": ("dollar", "dollar"), "€": ("euro", "euro"), "£": ("pfund", "pfund"), "¥": ("yen", "yen")},
}
"""The unit after one and after any other amount."""
CENTS = {"en": {"$": "cents", "€": "cents", "£": "pence"}, "de": {"$": "cent", "€": "cent", "£": "pence"}}
MAGNITUDES: Table = {
    "en": {
        "k": "thousand", "m": "million", "bn": "billion", "b": "billion", "hundred": "hundred", "thousand": "thousand",
        "million": "million", "billion": "billion", "trillion": "trillion",
    },
    "de": {"mio": "millionen", "mrd": "milliarden", "millionen": "millionen", "milliarden": "milliarden"},
}  # fmt: skip
UNITS: Table = {
    "en": {
        "kg": "kilograms", "g": "grams", "mg": "milligrams", "km": "kilometers", "m": "meters", "cm": "centimeters",
        "mm": "millimeters", "l": "liters", "ml": "milliliters", "lb": "pounds", "lbs": "pounds", "oz": "ounces",
        "ft": "feet", "mi": "miles", "mph": "miles per hour", "km/h": "kilometers per hour",
        "kph": "kilometers per hour",
        "hz": "hertz", "khz": "kilohertz", "mhz": "megahertz", "ghz": "gigahertz", "db": "decibels", "kw": "kilowatts",
        "kb": "kilobytes", "mb": "megabytes", "gb": "gigabytes", "tb": "terabytes", "s": "seconds", "sec": "seconds",
        "secs": "seconds", "min": "minutes", "mins": "minutes", "h": "hours", "hr": "hours", "hrs": "hours",
        "ms": "milliseconds", "yr": "years", "yrs": "years", "°c": "degrees celsius", "°f": "degrees fahrenheit",
        "°": "degrees",
    },
    "de": {
        "kg": "kilogramm", "g": "gramm", "mg": "milligramm", "km": "kilometer", "m": "meter", "cm": "zentimeter",
        "mm": "millimeter", "l": "liter", "ml": "milliliter", "km/h": "kilometer pro stunde", "hz": "hertz",
        "khz": "kilohertz", "mhz": "megahertz", "ghz": "gigahertz", "db": "dezibel", "kb": "kilobyte",
        "mb": "megabyte", "gb": "gigabyte", "s": "sekunden", "sek": "sekunden", "min": "minuten", "h": "stunden",
        "std": "stunden", "ms": "millisekunden", "°c": "grad celsius", "°": "grad",
    },
}  # fmt: skip
"""Units after a number; after one English takes the singular."""
SINGULAR = {
    "feet": "foot",
    "hertz": "hertz",
    "kilohertz": "kilohertz",
    "megahertz": "megahertz",
    "gigahertz": "gigahertz",
}
INITIALISMS = frozenset({"us", "un", "id", "ai", "ngo"})
"""Dictionary words that in capitals after an article are letters: the US, an ID."""
SAID = frozenset(
    "woah eww ew aww noo oohh yess damnit hehe haha gah meh ahem yumm mwah eek oww owie hiya cuz uhuh yall".split()
)
"""Exclamations that the dictionary lacks: in capitals among other words they are no initials (`WOAH, nice`)."""
GERMAN_INITIALISMS = frozenset(
    "USA EU UK UN CDU CSU ADAC ARD AG EDV IT ICE IBM BASF DAAD EKG IQ OP UKW FBI CIA AOK KI".split()
)
"""German capitals with a vowel that are spelled out."""
GERMAN_LETTERS = {
    "b": "be", "c": "ze", "d": "de", "f": "ef", "g": "ge", "h": "ha", "j": "jot", "k": "ka", "l": "el", "m": "em",
    "n": "en", "p": "pe", "q": "ku", "r": "er", "s": "es", "t": "te", "v": "vau", "w": "we", "x": "iks",
    "y": "üpsilon", "z": "zet",
}  # fmt: skip
GERMAN_ORDINAL_CONTEXT = {
    "am": "en", "vom": "en", "zum": "en", "beim": "en", "im": "en", "dem": "en", "den": "en", "des": "en", "bis": "en",
    "der": "e", "die": "e", "das": "e",
}  # fmt: skip
"""Words after which a German number with a full stop is an ordinal, and its ending."""
GERMAN_COUNTED = frozenset(
    "Januar Februar März April Mai Juni Juli August September Oktober November Dezember Jahrhundert Weltkrieg Liga "
    "Bundesliga Klasse Stock Platz Mal".split()
)
"""Words before which a German number with a full stop is an ordinal whatever stands in front."""
