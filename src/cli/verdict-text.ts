/** What each verdict means, in a line; docs/verdicts.md says more, and what to do. */
import { Verdict, verdictNames } from '../maps/generated.js'

const MEANINGS: Readonly<Record<keyof typeof Verdict, string>> = {
  forwardKnown: 'sent to the real of its conn',
  forwardNew: 'scheduled and sent to the real; a conn is made',
  forwardStateless: 'scheduled and sent to the real; the conn table has no room for a conn',
  forwardIcmpError: 'an ICMP error about a reply, sent to the real that the reply came from',
  forwardFragment: 'a later fragment, sent where the first one went',
  forwardOnePacket: 'scheduled and sent to the real; the service makes no conns',
  forwardReply: "a real's reply, sent to the client from the VIP",
  forwardReplyIcmpError: 'an ICMP error about a request, sent to the client',
  forwardReplyFragment: 'a later fragment of a reply, sent to the client',
  replyArp: 'an ARP request for the VIP, answered from here',
  replyNd: 'a neighbour solicitation for the VIP, answered from here',
  replyEcho: 'an echo request to the VIP, answered from here',
  replyNoReal: 'the service has no usable real: port unreachable to the client',
  replyTtl: 'its TTL ends here: time exceeded to the client',
  replyReset: "its conn's real was removed: TCP reset to the client",
  replyUnmatched: 'no service on that port, and its TTL ends here: port unreachable to the client',
  passNotIp: 'neither IP nor an ARP request for a VIP: left to the host',
  passNotVip: 'not for a VIP: left to the host',
  passOtherHost: 'the frame is not addressed to this interface: left to the host',
  passProtocol: 'a protocol that is not forwarded: left to the host',
  passUnmatched: 'no service on that port: left to the host',
  passNoConn: 'TCP that opens no conn and belongs to none: left to the host',
  passIcmp: 'ICMP that is not forwarded: left to the host',
  passIncomplete: 'its headers end before the destination is known: left to the host',
  passFragment: 'a later fragment of what was left to the host',
  passNoReal: 'the service has no usable real, noReal: pass: left to the host',
  passPeer: 'from a peer director, and a real of the service is on this host: left to the host',
  passNotReply: 'a packet of a real that belongs to no conn: left to the host',
  passTooBig: 'larger than the MTU of the way out: left to the host, which says so',
  passTtl: 'its TTL ends here: left to the host, which answers',
  dropMalformed: 'dropped: lengths or headers contradict each other',
  dropFragment: 'dropped: a fragment whose first one was not seen',
  dropTtl: 'dropped: its TTL ends here',
  dropNoReal: 'dropped: the service has no usable real',
  dropNoNeighbour: "dropped: the real's MAC is not known",
  dropRealGone: "dropped: its conn's real was removed, and it is no SYN",
  dropNoInterface: 'dropped: the interface that the real is reached by is not attached',
  dropEcho: 'dropped: the VIP answers no echo requests, or none now',
  dropNotLinear: "dropped: headers lie outside the frame's first buffer",
  dropLoop: 'dropped: from a peer director, or from the real that it would go to',
  dropUnmatched: 'dropped: no service on that port, unmatched: drop',
  dropIcmpNoConn: 'dropped: an ICMP error about a flow that is not known',
  dropIcmpChecksum: 'dropped: an ICMP error with a wrong checksum',
  dropClash: 'dropped: with every real the reply would belong to another conn',
  dropTableFull: 'dropped: the conn table has no room, and nat needs a conn',
  dropNoRoute: 'dropped: the host has no route to the client',
}

/** The meaning of a verdict by the name that `veer stats` prints, class included. */
export function verdictMeaning(name: string): string {
  const entry = Object.entries(Verdict).find(([, number]) => verdictNames[number] === name)
  return entry === undefined ? '' : MEANINGS[entry[0] as keyof typeof Verdict]
}
