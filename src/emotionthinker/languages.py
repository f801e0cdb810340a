"""Languages as people write them (`en-US`, `English`, `eng`) to the codes that the package works with."""

from __future__ import annotations

import functools
import re

_TABLE = """
aa aar: afar; ab abk: abkhazian; ae ave: avestan; af afr: afrikaans; ak aka: akan; am amh: amharic; an arg: aragonese;
ar ara arb: arabic; as asm: assamese; av ava: avaric; ay aym: aymara; az aze: azerbaijani; ba bak: bashkir; be bel:
belarusian; bg bul: bulgarian; bi bis: bislama; bm bam: bambara; bn ben: bengali; bo bod tib: tibetan; br bre: breton;
bs bos: bosnian; ca cat: catalan, valencian; ce che: chechen; ch cha: chamorro; co cos: corsican; cr cre: cree; cs ces
cze: czech; cu chu: church slavic; cv chv: chuvash; cy cym wel: welsh; da dan: danish; de deu ger: german; dv div:
divehi, dhivehi, maldivian; dz dzo: dzongkha; ee ewe: ewe; el ell gre: greek; en eng: english; eo epo: esperanto; es
spa: spanish, castilian; et est: estonian; eu eus baq: basque; fa fas per pes: persian, farsi; ff ful: fulah; fi fin:
finnish; fj fij: fijian; fo fao: faroese; fr fra fre: french; fy fry: western frisian, frisian; ga gle: irish; gd gla:
gaelic, scottish gaelic; gl glg: galician; gn grn: guarani; gu guj: gujarati; gv glv: manx; ha hau: hausa; he heb iw:
hebrew; hi hin: hindi; ho hmo: hiri motu; hr hrv: croatian; ht hat: haitian, haitian creole; hu hun: hungarian; hy hye
arm: armenian; hz her: herero; ia ina: interlingua; id ind in: indonesian; ie ile: interlingue, occidental; ig ibo:
igbo; ii iii: nuosu; ik ipk: inupiaq; io ido: ido; is isl ice: icelandic; it ita: italian; iu iku: inuktitut; ja jpn:
japanese; jv jav jw: javanese; ka kat geo: georgian; kg kon: kongo; ki kik: kikuyu, gikuyu; kj kua: kuanyama,
kwanyama; kk kaz: kazakh; kl kal: kalaallisut, greenlandic; km khm: central khmer, khmer; kn kan: kannada; ko kor:
korean; kr kau: kanuri; ks kas: kashmiri; ku kur: kurdish; kv kom: komi; kw cor: cornish; ky kir: kirghiz, kyrgyz; la
lat: latin; lb ltz: luxembourgish, letzeburgesch; lg lug: ganda; li lim: limburgan, limburger, limburgish; ln lin:
lingala; lo lao: lao; lt lit: lithuanian; lu lub: luba-katanga; lv lav: latvian; mg mlg: malagasy; mh mah:
marshallese; mi mri mao: maori; mk mkd mac: macedonian; ml mal: malayalam; mn mon: mongolian; mr mar: marathi; ms msa
may: malay; mt mlt: maltese; my mya bur: burmese, myanmar; na nau: nauru; nb nob: norwegian bokmål, bokmål; nd nde:
north ndebele; ne nep: nepali; ng ndo: ndonga; nl nld dut: dutch, flemish; nn nno: norwegian nynorsk, nynorsk; no nor:
norwegian; nr nbl: south ndebele; nv nav: navajo, navaho; ny nya: chichewa, chewa, nyanja; oc oci: occitan; oj oji:
ojibwa; om orm: oromo; or ori: oriya, odia; os oss: ossetian, ossetic; pa pan: panjabi, punjabi; pi pli: pali; pl pol:
polish; ps pus: pushto, pashto; pt por: portuguese; qu que: quechua; rm roh: romansh; rn run: rundi; ro ron rum:
romanian, moldavian, moldovan; ru rus: russian; rw kin: kinyarwanda; sa san: sanskrit; sc srd: sardinian; sd snd:
sindhi; se sme: northern sami; sg sag: sango; si sin: sinhala, sinhalese; sk slk slo: slovak; sl slv: slovenian; sm
smo: samoan; sn sna: shona; so som: somali; sq sqi alb: albanian; sr srp: serbian; ss ssw: swati; st sot: sotho; su
sun: sundanese; sv swe: swedish; sw swa: swahili; ta tam: tamil; te tel: telugu; tg tgk: tajik; th tha: thai; ti tir:
tigrinya; tk tuk: turkmen; tl tgl: tagalog; tn tsn: tswana; to ton: tonga; tr tur: turkish; ts tso: tsonga; tt tat:
tatar; tw twi: twi; ty tah: tahitian; ug uig: uighur, uyghur; uk ukr: ukrainian; ur urd: urdu; uz uzb: uzbek; ve ven:
venda; vi vie: vietnamese; vo vol: volapük; wa wln: walloon; wo wol: wolof; xh xho: xhosa; yi yid ji: yiddish; yo yor:
yoruba; za zha: zhuang, chuang; zh zho chi cmn: chinese, mandarin; zu zul: zulu; haw: hawaiian; yue: cantonese
"""
"""ISO 639-1 code, its ISO 639-2 and -3 codes, and English names; of the others those that Whisper knows."""
WHISPER = {"jv": "jw", "nb": "no"}
"""Codes that Whisper writes otherwise."""
UNKNOWN = "und"
"""ISO 639-2 for a language that nobody knows; records hold None."""
_NO_LANGUAGE = frozenset("und mul mis zxx unknown unspecified undetermined multilingual".split())
"""Codes for undetermined, several, uncoded and no languages, and words for them."""
_REGIONS = dict(
    pair.split(":") for pair in "american:US us:US british:GB uk:GB australian:AU canadian:CA indian:IN irish:IE "
    "austrian:AT swiss:CH brazilian:BR mexican:MX".split()
)  # fmt: skip
"""Words before a name: `American English`."""
_TAG = re.compile(r"([a-z]{2,3})((?:[-_][a-z0-9]{1,8})*)", re.IGNORECASE)
_LOCALE = re.compile(r"([a-z_]+)[.@][\w.@-]+", re.IGNORECASE)
"""`en_US.UTF-8`, `de_DE@euro`."""
_WITH_PLACE = re.compile(r"([^()]+?)\s*\(([^()]+)\)")
"""`English (US)`, `English (United States)`."""


def checked(language: str | None) -> str | None:
    """The language with its code of two letters where it has one; a region or script after it stays.

    Blank is None, and so is what says that nobody knows (`und`, `mul`, `unknown`). Raises `ValueError` for what names
    no language. A code of three letters that is not in the table is let through.

    >>> [checked(language) for language in ("English", "deu", "EN", "en-US", "haw", "unknown")]
    ['en', 'de', 'en', 'en-US', 'haw', None]
    """
    return _checked(language.strip()) if language and language.strip() else None


def kept(language: str | None) -> str | None:
    """As `checked`, but what names no language stays the word it is: an older record must not be lost for it."""
    try:
        return checked(language)
    except ValueError:
        return language


@functools.lru_cache(maxsize=1024)
def _checked(language: str) -> str | None:
    if locale := _LOCALE.fullmatch(language):
        language = locale[1]
    if code := _codes().get(language.lower()) or _of_a_place(language):
        return code
    tag = _TAG.fullmatch(language)
    first = tag[1].lower() if tag else language.lower()
    if first in _NO_LANGUAGE:
        return None
    code = _codes().get(first) or (first if len(first) == 3 else "")
    if tag and code:
        return code + tag[2]
    raise ValueError(
        f"language is {language!r}; expected a code of ISO 639 (en, de, en-US, deu), an English name (German), "
        "or nothing where it is not known"
    )


def _of_a_place(language: str) -> str | None:
    """`American English`, `English (US)` -> `en-US`; a place that is not known is left away. None for other words."""
    if match := _WITH_PLACE.fullmatch(language):
        name, place = match[1].lower(), match[2].lower()
    else:
        place, _, name = language.lower().partition(" ")
        name = name if place in _REGIONS else ""
    code = _codes().get(name)
    region = _REGIONS.get(place) or (place.upper() if re.fullmatch("[a-z]{2}", place) else "")
    return f"{code}-{region}" if code and region else code


@functools.lru_cache(maxsize=1)
def _codes() -> dict[str, str]:
    """Code or name -> code."""
    found: dict[str, str] = {}
    for entry in " ".join(_TABLE.split()).split("; "):
        codes, names = entry.split(": ")
        code, *others = codes.split()
        found |= dict.fromkeys([code, *others, *names.split(", ")], code)
    return found
