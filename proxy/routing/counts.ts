import { DEFECTS, type Defect } from '../sip/defects.ts';

/** What the proxy counts: plain numbers, read by /metrics and /status. */
export function newCounts() {
  return {
    requests: 0,
    responses: 0,
    unparseable: 0,
    internalErrors: 0,
    answeredLocally: 0,
    callsStarted: 0,
    callsAnswered: 0,
    callsFailed: 0,
    callsEnded: 0,
    registered: 0,
    unregistered: 0,
    registerRefused: 0,
    commitLate: 0,
    contactsEvicted: 0,
    forgedTokens: 0,
    /** Answers to a REGISTER from who was not asked. */
    forgedGrants: 0,
    /** CANCELs that do not come from where their INVITE did. */
    foreignCancels: 0,
    /** Bad messages of Endpoints beyond what is answered of one. */
    badUnanswered: 0,
    /** REGISTERs of Endpoints that had too many refused. */
    registersCapped: 0,
    strayResponses: 0,
    /** Responses whose only Via was ours: the others were those of their request. */
    viasGivenBack: 0,
    /** Responses whose connection was closed: sent over a new one, or to nobody. */
    responsesAnew: 0,
    responsesLost: 0,
    strayAcks: 0,
    /** ACKs of 2xx that waited for a member of their pair. */
    acksHeld: 0,
    resentAtSwitch: 0,
    /** Over a new connection, since the one to a member in service had ended. */
    resentAfterClose: 0,
    mergedAtSwitch: 0,
    /** A 503 of the member that lost its place to what was sent to the other one, too. */
    overruledAtSwitch: 0,
    ringingAtSwitch: 0,
    waitedForMember: 0,
    waitedInVain: 0,
    triedOtherPair: 0,
    /** Known calls that were dialled again while their pair had no member in service. */
    redialledElsewhere: 0,
    handedOver: 0,
    responsesHandedOver: 0,
    responsesStateless: 0,
    flowFailed: 0,
    handoverSilent: 0,
    /** Targets of RFC 3263 that said nothing, or 503, so that the next one was tried. */
    targetSilent: 0,
    triedNextTarget: 0,
    /** Requests over 1,300 bytes that went in a datagram all the same (RFC 3261 18.1.1). */
    largeDatagrams: 0,
    timerC: 0,
    overload: 0,
    pairBusy: 0,
    unresolved: 0,
    noKey: 0,
    notReady: 0,
    pairSwitches: 0,
  };
}

/** A series for every defect, from the start. */
export function newDefectCounts(): Record<Defect, number> {
  return Object.fromEntries(Object.keys(DEFECTS).map((name) => [name, 0])) as Record<Defect, number>;
}

export type Counts = ReturnType<typeof newCounts>;
