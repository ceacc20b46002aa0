"""What a code means, in one sentence, where its name alone leaves a reader in doubt.

Codes whose name says it all have none. The sentences stand beside the choices of every form, and
with the words of the field.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from console.i18n import Message, msg
from directory_pages.codes import Labels
from protocol.identifiers import Channel, Phase
from protocol.messages.codes import (
    ExploitationForm,
    Formality,
    Service,
    TraffickingStatus,
)
from protocol.messages.fields import Sensitivity
from protocol.messages.first_assistance import OptionTopic
from protocol.messages.identification_checks import Discretion, LanguageService
from protocol.messages.identification_requests import (
    ControlMeans,
    InformationAccuracy,
    JointForm,
    SourceReliability,
)
from protocol.messages.judicial import PaperForm
from protocol.messages.risk import ThreatKind
from protocol.messages.social_inclusion import PlanTerm
from protocol.messages.social_inclusion_follow_up import AccommodationKind
from protocol.messages.witnesses import CourtProtection, WitnessRole

_REFLECTION: Final = msg("Time to recover and to decide, without pressure to testify.")
_SUPPORTED_HOUSING: Final = msg("A place of their own, with help from staff.")

CODE_HELP: Final[Mapping[type[StrEnum], Labels]] = MappingProxyType({
    TraffickingStatus: {
        TraffickingStatus.POTENTIAL: msg("The person is at risk of being trafficked."),
        TraffickingStatus.PRESUMED: msg("There are signs of trafficking. Nobody has decided yet."),
        TraffickingStatus.FORMALLY_IDENTIFIED: msg("The competent authority has decided it."),
        TraffickingStatus.NOT_IDENTIFIED: msg("It was examined, and trafficking was not found."),
    },
    ExploitationForm: {
        ExploitationForm.PROSTITUTION_OF_OTHERS: msg("Others profit from it."),
        ExploitationForm.OTHER_SEXUAL_EXPLOITATION: msg("Such as pornography."),
        ExploitationForm.FORCED_LABOUR_OR_SERVICES: msg(
            "Work or services under threat, not of free will."
        ),
        ExploitationForm.SLAVERY_OR_SIMILAR: msg("Somebody treats the person as property."),
        ExploitationForm.SERVITUDE: msg("The person has to serve another and cannot get away."),
        ExploitationForm.FORCED_CRIMINALITY: msg("The person is made to commit offences."),
        ExploitationForm.SALE_OF_A_CHILD: msg("A child is handed over for money or another gain."),
    },
    Phase: {
        Phase.IDENTIFICATION: msg("First contact, first risks, and whether it is trafficking."),
        Phase.FIRST_ASSISTANCE: msg("Shelter, care and protection in the first time."),
        Phase.SOCIAL_INCLUSION: msg("Housing, school, work and health in the long term."),
        Phase.RETURN: msg("Preparing a return of free will, the journey, and the arrival."),
        Phase.PROCEEDINGS: msg("Criminal and civil proceedings, witnesses, and compensation."),
    },
    Channel: {
        Channel.ASSISTANCE: msg("Social services, shelters and organisations that help."),
        Channel.POLICE: msg("Investigation, suspects and evidence."),
        Channel.WITNESS_PROTECTION: msg("Only those who protect witnesses see it."),
        Channel.TREND: msg("Warnings without personal data."),
    },
    Sensitivity: {
        Sensitivity.IDENTITY: msg("Name, date of birth, documents, nationality."),
        Sensitivity.CONTACT: msg("Telephone numbers and addresses of the person."),
        Sensitivity.FAMILY: msg("Relatives, children, and the situation at home."),
        Sensitivity.PROTECTION: msg("Risks, measures for safety, and shelters."),
        Sensitivity.JUDICIAL: msg("Statements, evidence, and proceedings."),
        Sensitivity.INTELLIGENCE: msg("Suspects, routes, and ways of working."),
    },
    Formality: {
        Formality.FORMAL: msg("A request that names an agreement, a treaty or a letter rogatory."),
        Formality.INFORMAL: msg("Quicker, and before a formal request."),
    },
    Service: {
        Service.SOCIAL_COUNSELLING: msg("Advice on daily life, benefits and rights."),
        Service.LABOUR_MARKET_SKILLS: msg("Training and help to find work."),
    },
    Discretion: {
        Discretion.REGISTERS_ONLY: msg("Nobody learns that somebody asks."),
    },
    SourceReliability: {
        SourceReliability.ALWAYS_RELIABLE: msg("The source was right each time."),
        SourceReliability.MOSTLY_RELIABLE: msg("The source was right in most cases."),
        SourceReliability.MOSTLY_UNRELIABLE: msg("The source was wrong in most cases."),
        SourceReliability.CANNOT_BE_ASSESSED: msg("The source is new, or nobody knows it."),
    },
    InformationAccuracy: {
        InformationAccuracy.CERTAIN: msg("There is no doubt that it is true."),
        InformationAccuracy.KNOWN_TO_THE_SOURCE: msg("The source saw or heard it."),
        InformationAccuracy.HEARSAY_CONFIRMED: msg(
            "The source was told it, and something else confirms it."
        ),
        InformationAccuracy.HEARSAY: msg("The source was told it, and nothing confirms it."),
    },
    ControlMeans: {
        ControlMeans.DEBT_BONDAGE: msg("The person has to work off a debt that never ends."),
    },
    ThreatKind: {
        ThreatKind.REJECTION_OR_STIGMA: msg("Family or neighbours turn away from the person."),
    },
    LanguageService: {
        LanguageService.CULTURAL_MEDIATION: msg("Somebody explains customs to both sides."),
    },
    JointForm: {
        JointForm.JOINT_INVESTIGATION_TEAM: msg("One team of both sides, under an agreement."),
        JointForm.PARALLEL_INVESTIGATIONS: msg("Each side investigates and tells the other."),
        JointForm.COORDINATED_OPERATION: msg("Both sides act on the same day."),
    },
    OptionTopic: {
        OptionTopic.REFLECTION_PERIOD: _REFLECTION,
        OptionTopic.INTERNATIONAL_PROTECTION: msg("Asylum or a similar status."),
    },
    PlanTerm: {
        PlanTerm.SHORT: msg("Three to six months."),
        PlanTerm.LONG: msg("Six months or more."),
    },
    AccommodationKind: {
        AccommodationKind.CRISIS_CENTRE: msg("For the first days, open at any hour."),
        AccommodationKind.SUPPORTED_HOUSING: _SUPPORTED_HOUSING,
    },
    PaperForm: {
        PaperForm.APOSTILLE: msg("A stamp that makes a document valid abroad."),
        PaperForm.RECORD_OF_CUSTODY: msg("Who had the evidence, and when."),
    },
    WitnessRole: {
        WitnessRole.INJURED_PARTY: msg("The person who was harmed by the offence."),
        WitnessRole.CIVIL_CLAIMANT: msg("Who claims compensation in the proceedings."),
    },
    CourtProtection: {
        CourtProtection.CLOSED_HEARING: msg("A hearing without the public."),
        CourtProtection.SAFE_CONDUCT: msg("The person is not arrested for earlier acts."),
    },
})  # fmt: skip


def find_helps(codes: type[StrEnum]) -> Mapping[str, Message]:
    """Give what the codes of a list mean, by their values; empty where the names say it all."""
    return CODE_HELP.get(codes, {})


def list_explained(
    labels: Mapping[type[StrEnum], Labels],
) -> Sequence[tuple[Message, Message]]:
    """List what each code with a sentence is called, and the sentence; none twice."""
    found = {
        (label.context, label.msgid, words.msgid): (label, words)
        for codes, helps in CODE_HELP.items()
        for code, words in helps.items()
        for label in (labels[codes][code],)
    }
    return tuple(found.values())
