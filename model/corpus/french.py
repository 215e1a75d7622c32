"""French: gender and number agree, some adjectives come first, ne and pas embrace the verb, and a
vowel swallows the one before it (l', d', qu')."""

from model.corpus.lexicon import Adjective, Verb, begins_with_vowel
from model.corpus.sentence import Clause, Phrase
from model.corpus.words import Word, merge, rename, word

ETRE = {
    "present": ("suis", "est", "sommes", "sont"),
    "past": ("étais", "était", "étions", "étaient"),
    "future": ("serai", "sera", "serons", "seront"),
}
AVOIR = ("ai", "a", "avons", "ont")
MODALS = {
    "can": ("peux", "peut", "pouvons", "peuvent"),
    "must": ("dois", "doit", "devons", "doivent"),
    "want": ("veux", "veut", "voulons", "veulent"),
}
PRONOUNS = {"I": "je", "he": "il", "she": "elle", "we": "nous", "they": "ils"}
ASKS = {
    "yes": "est-ce que",
    "who": "qui",
    "what": "que est-ce que",
    "why": "pourquoi est-ce que",
    "when": "quand est-ce que",
    "where": "où",
}
PREPOSITIONS = {
    "in": "dans",
    "on": "sur",
    "under": "sous",
    "behind": "derrière",
    "near": "près de",
    "in front of": "devant",
    "with": "avec",
    "without": "sans",
    "towards": "vers",
}
ADVERBS = {
    "today": "aujourd'hui",
    "yesterday": "hier",
    "tomorrow": "demain",
    "now": "maintenant",
    "here": "ici",
    "together": "ensemble",
}
LINKS = {"that": "que", "because": "parce que", "and": "et", "but": "mais"}
DEGREES = {"very": "très", "too": "trop"}
DETERMINERS = {  # m., f., plural
    "the": ("le", "la", "les"),
    "a": ("un", "une", ""),
    "some": ("", "", "des"),
    "this": ("ce", "cette", ""),
    "these": ("", "", "ces"),
    "my": ("mon", "ma", "mes"),
    "our": ("notre", "notre", "nos"),
    "every": ("chaque", "chaque", ""),
    "two": ("", "", "deux"),
    "three": ("", "", "trois"),
    "four": ("", "", "quatre"),
    "five": ("", "", "cinq"),
    "many": ("", "", "beaucoup de"),
}
BEFORE_VOWEL = {"ce": "cet", "ma": "mon", "beau": "bel", "nouveau": "nouvel", "vieux": "vieil"}
ELIDED = {"le": "l'", "la": "l'", "de": "d'", "ne": "n'", "je": "j'", "que": "qu'"}
CONTRACTED = {("de", "le"): "du", ("de", "les"): "des"}


def speak(clause: Clause) -> list[Word]:
    """The sentence in French, with its stop; an elided word stands by itself: l' ami."""
    return [*settle(say(clause)), word("?" if clause.asks else ".", "stop")]


def say(clause: Clause) -> list[Word]:
    """The clause and the one joined to it, before elision."""
    subject = [] if clause.asks == "who" else rename(phrase(clause.subject), "subject.")
    verb = verb_words(clause)
    words = [word(part, "asked") for part in ASKS.get(clause.asks, "").split()]
    words += verb + subject if clause.asks == "where" else subject + verb
    if clause.predicate is not None:
        words += [word(DEGREES[clause.degree], "degree")] if clause.degree else []
        words.append(word(agree(clause.predicate, clause.subject), "predicate"))
    if clause.obj is not None:
        words += rename(phrase(clause.obj, negated=clause.negated), "object.")
    if clause.place is not None:
        parts = PREPOSITIONS[clause.preposition].split()
        words += [word(part, "preposition") for part in parts]
        words += rename(phrase(clause.place), "place.")
    if clause.adverb:
        words.append(word(ADVERBS[clause.adverb], "adverb"))
    if clause.joined is not None:
        words += [word(part, "link") for part in LINKS[clause.link].split()]
        words += rename(say(clause.joined), "joined.")
    return words


def verb_words(clause: Clause) -> list[Word]:
    """The verb between ne and pas; in the past, its auxiliary is between them."""
    rest: list[Word] = []
    person, verb = clause.subject.person, clause.verb
    if verb is None:
        first = word(ETRE[clause.tense][person], "verb", possible=("tense",))
    elif clause.modal:
        first = word(MODALS[clause.modal][person], "modal", possible=("tense",))
        rest = [word(verb.french.infinitive, "verb")]
    elif clause.tense == "past":
        auxiliary = ETRE["present"] if verb.with_etre else AVOIR
        first = word(auxiliary[person], possible=("tense",))
        rest = [word(participle(verb, clause.subject), "verb")]
    else:
        forms = verb.french.future if clause.tense == "future" else verb.french.present
        first = word(forms[person], "verb", possible=("tense",))
    if not clause.negated:
        return [first, *rest]
    return [word("ne", possible=("negation",)), first, word("pas", "negation"), *rest]


def participle(verb: Verb, subject: Phrase) -> str:
    """The participle; with être it agrees with the subject, like an adjective."""
    form = verb.french.participle
    if not verb.with_etre:
        return form
    return form + ("e" if is_feminine(subject) else "") + ("s" if subject.person >= 2 else "")


def is_feminine(phrase: Phrase) -> bool:
    """The gender that adjectives take; I, we and names count as masculine."""
    return phrase.pronoun == "she" or (phrase.noun is not None and phrase.noun.feminine_french)


def agree(adjective: Adjective, phrase: Phrase) -> str:
    """The adjective in the gender and number of what it describes."""
    return adjective.french[is_feminine(phrase) + 2 * (phrase.person >= 2)]


def phrase(phrase: Phrase, *, negated: bool = False) -> list[Word]:
    """Determiner, adjectives that come first, noun, adjectives that follow."""
    if phrase.noun is None:
        return [word(PRONOUNS.get(phrase.pronoun, phrase.name), "noun")]
    described = [
        (a.first_french, word(agree(a, phrase), f"adjective.{i}"))
        for i, a in enumerate(phrase.adjectives)
    ]
    before = [w for first, w in described if first]
    noun = word(phrase.noun.french[phrase.plural], "noun")
    forms = DETERMINERS[phrase.determiner]
    form = forms[2] if phrase.plural else forms[is_feminine(phrase)]
    if phrase.determiner in ("a", "some") and negated:  # pas de pommes
        form = "de"
    if form == "des" and before:  # de vieilles maisons
        form = "de"
    head, *more = form.split()
    determiner = [word(head, "determiner"), *(word(m, possible=("determiner",)) for m in more)]
    return [*determiner, *before, noun, *(w for first, w in described if not first)]


def settle(words: list[Word]) -> list[Word]:
    """The words as their neighbours shape them: le ami -> l' ami; de le mur -> du mur."""
    settled: list[Word] = []
    for i, current in enumerate(words):
        following = words[i + 1].text if i + 1 < len(words) else ""
        text = current.text
        if begins_with_vowel(following):
            text = ELIDED.get(text, text)
            if not any(part.endswith("predicate") for part in current.sure):
                text = BEFORE_VOWEL.get(text, text)
        settled.append(Word(text, current.sure, current.possible))
        pair = tuple(w.text for w in settled[-2:])
        if pair in CONTRACTED:
            second, first = settled.pop(), settled.pop()
            settled.append(merge(first, second, CONTRACTED[pair]))
    return settled
