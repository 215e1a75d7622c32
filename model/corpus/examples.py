"""Pairs of a claim and a sentence, with what the sentence does to the claim: drawn from the bank's
wordings, from answers written for training, from claims outside the bank, and made by altering.
"""

from random import Random

from model.corpus import alter
from model.corpus.statements import Statement, Subject, Topic
from model.pairs import DENIED, MADE, NEITHER, Pair

NOT_DENIED = 3  # made or neither
Example = tuple[Pair, int]


class Examples:
    """Draws pairs with their labels from topics. `shares`: how many come from answers, to how many
    from the bank's wordings, from claims outside the bank, and from altering."""

    def __init__(self, topics: list[Topic], shares: tuple[int, int, int, int]) -> None:
        self.topics = [topic for topic in topics if topic.subjects]
        self.written = [(topic, said) for topic in self.topics for said in topic.passages if said]
        worded = [topic for topic in self.topics if topic.subjects[0].says]
        self.bank = [topic for topic in worded if not topic.subjects[0].neither]
        outside = [topic for topic in worded if topic.subjects[0].neither]
        self.outside = [(subject, topic) for topic in outside for subject in topic.subjects]
        ways = (self.from_passage, self.from_wordings, self.from_outside, self.altered)
        present = (self.written, self.bank, self.outside, self.topics)
        self.ways = {
            way: share for way, share, any_of in zip(ways, shares, present, strict=True) if any_of
        }

    def draw(self, random: Random) -> Example:
        """One pair and its label."""
        while True:
            [way] = random.choices(list(self.ways), list(self.ways.values()))
            example = way(random)
            if example is not None:
                return self.blur(example, random)

    def blur(self, example: Example, random: Random) -> Example:
        """The pair, at times of other things than it was written of, and as a hurried candidate
        types it: who reads both sides comes to the same end."""
        pair, label = example
        if random.random() < 0.15 and (traded := alter.trade_roles(tuple(pair), random)):
            pair = Pair(*traded)
        if label == DENIED and random.random() < 0.08:  # a tail that is mostly on what makes
            pair = pair._replace(passage=alter.wrap(pair.passage, alter.TAILS, random))
        if random.random() < 0.15:
            pair = pair._replace(passage=alter.mistype(pair.passage, random))
        return pair, label

    def from_passage(self, random: Random) -> Example | None:
        """A sentence, or two in a row, of an answer written for training."""
        topic, passage = random.choice(self.written)
        place = random.randrange(len(passage))
        sentence = passage[place]
        if random.random() < 0.2 and place + 1 < len(passage):
            sentence = join(sentence, passage[place + 1], random)
        elif random.random() < 0.08:
            other = random.choice(random.choice(self.written)[1])
            sentence = join(sentence, Statement(other.text), random)
        subject, label = self.choose(topic, sentence, random)
        if subject is None:
            return None
        before = sentence.before if random.random() < 0.4 else ""
        claim, label = self.reword(subject, label, random)
        return Pair(claim, sentence.text, before), label

    def choose(
        self, topic: Topic, sentence: Statement, random: Random
    ) -> tuple[Subject | None, int]:
        """One of the claims of the topic, as often one that the sentence is about as not."""
        about = [s for s in topic.subjects if s.id in sentence.makes | sentence.denies]
        rest = [s for s in topic.subjects if s.id not in sentence.makes | sentence.denies]
        subjects = about if about and (random.random() < 0.6 or not rest) else rest
        if not subjects:
            return None, NEITHER
        subject = random.choice(subjects)
        if subject.id in sentence.makes & sentence.denies:
            return None, NEITHER
        made, denied = subject.id in sentence.makes, subject.id in sentence.denies
        return subject, MADE if made else DENIED if denied else NEITHER

    def reword(self, subject: Subject, label: int, random: Random) -> tuple[str, int]:
        """The claim, or a wording of it; or its contrary, with the label turned round."""
        chance = random.random()
        if chance < 0.2 and subject.says:
            return random.choice(subject.says), label
        if chance < 0.28 and label == MADE and subject.denies:
            return random.choice(subject.denies), DENIED
        if chance < 0.36 and label == NEITHER and subject.denies:
            return random.choice(subject.denies), NEITHER
        return subject.text, label

    def from_wordings(self, random: Random) -> Example | None:
        """One of the bank's own wordings, for or against a point."""
        topic = random.choice(self.bank)
        subject = random.choice(topic.subjects)
        made = random.random() < 0.5
        passage = random.choice(subject.says if made else subject.denies)
        if random.random() < 0.35:
            others = [other for other in topic.subjects if other is not subject]
            if random.random() < 0.15:
                others = random.choice(self.bank).subjects
            if not others:
                return None
            claim, label = self.reword(random.choice(others), NEITHER, random)
            return Pair(claim, passage), label
        claim, label = self.reword(subject, MADE if made else DENIED, random)
        return (Pair(claim, passage), label) if claim != passage else None

    def from_outside(self, random: Random) -> Example | None:
        """A claim outside the bank, and a sentence on it, or on its neighbour."""
        subject, topic = random.choice(self.outside)
        label = random.choices((MADE, DENIED, NEITHER), (4, 3, 4))[0]
        passages = (subject.says, subject.denies, subject.neither)[label]
        if label == NEITHER and random.random() < 0.45:
            other = random.choice(topic.subjects)
            passages = other.says + other.denies + other.neither if other is not subject else ()
        if not passages:
            return None
        passage = random.choice(passages)
        if label == MADE and random.random() < 0.1:
            passage = alter.restate(subject.text, random)
        claim, label = self.reword(subject, label, random)
        if claim == passage:
            return None
        chance = random.random()
        if chance < 0.12 and label == DENIED:
            return Pair(passage, claim), DENIED
        if chance < 0.25:
            others = [aside for aside in subject.neither if aside != passage]
            if random.random() < 0.6:  # right or wrong on another claim: this one keeps its label
                other = random.choice(topic.subjects)
                others = list(other.says + other.denies) if other is not subject else others
            one, other_half = random.sample([random.choice(others or [passage]), passage], 2)
            return Pair(claim, alter.connect(one, other_half, random)), label
        if chance < 0.5:  # what came before makes or denies the claim as it will: it does not count
            before = random.choice(subject.says + subject.denies + subject.neither)
            return Pair(claim, passage, before), label
        return Pair(claim, passage), label

    def altered(self, random: Random) -> Example | None:
        """A pair that is known by how it was made."""
        topic = random.choice(self.topics)
        subject = random.choice(topic.subjects)
        if not subject.says or not subject.denies:
            return None
        says, denies = random.choice(subject.says), random.choice(subject.denies)
        makes = random.choice((subject.text, says))
        kind = random.choices(range(11), (8, 5, 3, 3, 2, 3, 4, 2, 3, 9, 14))[0]
        if kind in (0, 1, 2):
            change = (alter.swap_roles, alter.flip, alter.negate)[kind]
            changed = change(subject.text, random)
            if changed is None:
                return None
            if random.random() < 0.5:
                return Pair(changed, makes), DENIED
            return Pair(subject.text, changed), DENIED
        if kind == 3:
            return Pair(subject.text, alter.wrap(makes, alter.REFUSED, random)), DENIED
        if kind == 4:
            return Pair(subject.text, alter.wrap(denies, alter.REFUSED, random)), NOT_DENIED
        if kind == 5:
            upheld = random.random() < 0.6
            text = alter.wrap(makes if upheld else denies, alter.UPHELD, random)
            if not upheld and random.random() < 0.4:
                return Pair(denies, text), MADE
            return Pair(subject.text, text), MADE if upheld else DENIED
        if kind == 6:
            text = alter.mention(f"{subject.text} {says}", random) or subject.id
            return Pair(subject.text, text), NEITHER
        if kind == 7:
            return Pair(subject.text, alter.wrap(makes, alter.ASKED, random)), NEITHER
        if kind == 9:  # nearly word for word is made, be it true or not: who says so is not asked
            said = makes if random.random() < 0.6 else denies
            return Pair(said, alter.restate(said, random)), MADE
        if kind == 10:  # who leaves words out may not make the claim, and does not deny it
            said = random.choice((subject.text, makes, denies))
            less = alter.shorten(said, random)
            if less is None:
                return None
            return (Pair(said, less) if random.random() < 0.8 else Pair(less, said)), NOT_DENIED
        other = random.choice(random.choice(self.topics).subjects)
        passage = topic.asks if random.random() < 0.4 else other.text
        return (Pair(subject.text, passage), NEITHER) if other is not subject else None


def join(one: Statement, other: Statement, random: Random) -> Statement:
    """Two sentences in one: what the second says of a claim is the last word on it."""
    makes = (one.makes - other.denies) | other.makes
    denies = (one.denies - other.makes) | other.denies
    text = alter.connect(one.text, other.text, random)
    return Statement(text, one.before, makes, denies)
