"""Spanish: most adjectives follow, two verbs for to be, the subject after the verb in questions,
and people as objects announced by a."""

from model.corpus.lexicon import Adjective
from model.corpus.sentence import Clause, Phrase
from model.corpus.words import Word, merge, rename, word

SER = {
    "present": ("soy", "es", "somos", "son"),
    "past": ("era", "era", "éramos", "eran"),
    "future": ("seré", "será", "seremos", "serán"),
}
ESTAR = {
    "present": ("estoy", "está", "estamos", "están"),
    "past": ("estaba", "estaba", "estábamos", "estaban"),
    "future": ("estaré", "estará", "estaremos", "estarán"),
}
MODALS = {
    "can": ("puedo", "puede", "podemos", "pueden"),
    "must": ("debo", "debe", "debemos", "deben"),
    "want": ("quiero", "quiere", "queremos", "quieren"),
}
PRONOUNS = {"I": "yo", "he": "él", "she": "ella", "we": "nosotros", "they": "ellos"}
ASKS = {"who": "quién", "what": "qué", "why": "por qué", "when": "cuándo", "where": "dónde"}
PREPOSITIONS = {
    "in": "en",
    "on": "sobre",
    "under": "debajo de",
    "behind": "detrás de",
    "near": "cerca de",
    "in front of": "delante de",
    "with": "con",
    "without": "sin",
    "towards": "hacia",
}
ADVERBS = {
    "today": "hoy",
    "yesterday": "ayer",
    "tomorrow": "mañana",
    "now": "ahora",
    "here": "aquí",
    "together": "a la vez",
}
LINKS = {"that": "que", "because": "porque", "and": "y", "but": "pero"}
DEGREES = {"very": "muy", "too": "demasiado"}
DETERMINERS = {  # m., f., m. plural, f. plural
    "the": ("el", "la", "los", "las"),
    "a": ("un", "una", "", ""),
    "some": ("", "", "unos", "unas"),
    "this": ("este", "esta", "", ""),
    "these": ("", "", "estos", "estas"),
    "my": ("mi", "mi", "mis", "mis"),
    "our": ("nuestro", "nuestra", "nuestros", "nuestras"),
    "every": ("cada", "cada", "", ""),
    "two": ("", "", "dos", "dos"),
    "three": ("", "", "tres", "tres"),
    "four": ("", "", "cuatro", "cuatro"),
    "five": ("", "", "cinco", "cinco"),
    "many": ("", "", "muchos", "muchas"),
}
SHORTENED = {"bueno": "buen", "malo": "mal"}  # before a masculine noun in the singular
CONTRACTED = {("a", "el"): "al", ("de", "el"): "del"}


def speak(clause: Clause) -> list[Word]:
    """The sentence in Spanish, with its stop, and in a question the mark that opens it."""
    opening = [word("¿", possible=("stop", "asked"))] if clause.asks else []
    return [*opening, *contract(say(clause)), word("?" if clause.asks else ".", "stop")]


def say(clause: Clause) -> list[Word]:
    """The clause and the one joined to it."""
    subject = [] if clause.asks == "who" else rename(phrase(clause.subject), "subject.")
    verb = verb_words(clause)
    words = [word(part, "asked") for part in ASKS.get(clause.asks, "").split()]
    words += verb + subject if clause.asks else subject + verb
    if clause.predicate is not None:
        words += [word(DEGREES[clause.degree], "degree")] if clause.degree else []
        words.append(word(agree(clause.predicate, clause.subject), "predicate"))
    if clause.obj is not None:
        words += rename(object_words(clause.obj, negated=clause.negated), "object.")
    if clause.place is not None:
        parts = PREPOSITIONS[clause.preposition].split()
        words += [word(part, "preposition") for part in parts]
        words += rename(phrase(clause.place), "place.")
    if clause.adverb:
        words += [word(part, "adverb") for part in ADVERBS[clause.adverb].split()]
    if clause.joined is not None:
        words += [word(LINKS[clause.link], "link"), *rename(say(clause.joined), "joined.")]
    return words


def verb_words(clause: Clause) -> list[Word]:
    """The verb, after no where it is negated."""
    negation = [word("no", "negation")] if clause.negated else []
    person, verb = clause.subject.person, clause.verb
    if verb is None:
        stays = clause.predicate is None or clause.predicate.state
        forms = (ESTAR if stays else SER)[clause.tense]
        return [*negation, word(forms[person], "verb", possible=("tense",))]
    if clause.modal:
        modal = word(MODALS[clause.modal][person], "modal", possible=("tense",))
        return [*negation, modal, word(verb.spanish.infinitive, "verb")]
    spanish = verb.spanish
    tenses = {"present": spanish.present, "past": spanish.past, "future": spanish.future}
    return [*negation, word(tenses[clause.tense][person], "verb", possible=("tense",))]


def is_feminine(phrase: Phrase) -> bool:
    """The gender that adjectives take; I, we and names count as masculine."""
    return phrase.pronoun == "she" or (phrase.noun is not None and phrase.noun.feminine_spanish)


def agree(adjective: Adjective, phrase: Phrase) -> str:
    """The adjective in the gender and number of what it describes."""
    return adjective.spanish[is_feminine(phrase) + 2 * (phrase.person >= 2)]


def object_words(obj: Phrase, *, negated: bool) -> list[Word]:
    """The object: people after a; what is not there at all without a determiner."""
    words = phrase(obj)
    if negated and obj.determiner == "some":
        words = words[1:]
    person = obj.noun is None or obj.noun.kind == "person"
    return [word("a", possible=("determiner", "noun")), *words] if person else words


def phrase(phrase: Phrase) -> list[Word]:
    """Determiner, adjectives that come first, noun, then the others, the nearest to it first."""
    if phrase.noun is None:
        return [word(PRONOUNS.get(phrase.pronoun, phrase.name), "noun")]
    before: list[Word] = []
    after: list[Word] = []
    for i, adjective in enumerate(phrase.adjectives):
        form = agree(adjective, phrase)
        if adjective.first_spanish:
            before.append(word(SHORTENED.get(form, form), f"adjective.{i}"))
        else:
            after.insert(0, word(form, f"adjective.{i}"))
    noun = word(phrase.noun.spanish[phrase.plural], "noun")
    form = DETERMINERS[phrase.determiner][is_feminine(phrase) + 2 * phrase.plural]
    return [word(form, "determiner"), *before, noun, *after]


def contract(words: list[Word]) -> list[Word]:
    """a el -> al; de el -> del."""
    contracted: list[Word] = []
    for current in words:
        pair = (contracted[-1].text if contracted else "", current.text)
        if pair in CONTRACTED:
            contracted.append(merge(contracted.pop(), current, CONTRACTED[pair]))
        else:
            contracted.append(current)
    return contracted
