/** Checks by a datagram. */
import type { Socket } from 'node:dgram'
import { createSocket } from 'node:dgram'
import { errnoOf } from '../errors.js'
import { familyOf, formatEndpoint } from '../net/address.js'
import type { CheckRun } from './check-run.js'
import type { UdpCheck, UdpExpectation } from './expectation.js'
import { udpExpectation } from './expectation.js'
import { isOwnFault } from './fault.js'

/**
 * Sends the datagram. Any answer that matches is success; when no particular one is expected, silence is too, and only
 * an ICMP error is a failure. A socket hears of those that are final: port or protocol unreachable, prohibited.
 */
export function checkUdp(run: CheckRun, check: UdpCheck): void {
  const { destination, destinationPort } = run.target
  const family = familyOf(destination)
  const expectation = udpExpectation(check)
  const socket = createSocket({
    type: family === 4 ? 'udp4' : 'udp6',
    // All our addresses are numbers.
    lookup: (address, _options, done) => done(null, address, family),
  })
  const detail = run.watched ? `${expectation.payload.length} bytes to ${formatEndpoint(destination, destinationPort)}` : ''
  run.begin('request', detail, () => silence(run, expectation))
  run.hold({
    release(_answered, released) {
      socket.close(released)
    },
  })
  let sent = false
  socket.on('error', (error) => (sent ? unreachable(run, error) : run.fault(error)))
  socket.on('message', (answer) => judge(run, expectation, answer))
  const send = (): void => {
    if (run.ended) return
    sent = true
    socket.send(expectation.payload, (error) => {
      if (error !== null) unreachable(run, error)
    })
  }
  open(run, socket, send)
}

function open(run: CheckRun, socket: Socket, opened: () => void): void {
  const { source, destination, destinationPort } = run.target
  const reach = (): void => {
    if (run.ended) return
    socket.once('connect', opened)
    socket.connect(destinationPort, destination)
  }
  if (source === undefined) reach()
  else socket.bind({ address: source, port: run.sourcePort, exclusive: true }, reach)
}

function silence(run: CheckRun, { answer }: UdpExpectation): void {
  if (answer === undefined) run.succeed()
  else run.fail(`no answer in ${run.patience}`)
}

/** An answer is matched byte by byte: each is the character of its value. */
function judge(run: CheckRun, { answer: pattern }: UdpExpectation, answer: Buffer): void {
  run.begin('answer', run.watched ? `${answer.length} bytes` : '', '')
  if (pattern?.test(answer.toString('latin1')) === false) run.fail('answer does not match')
  else run.succeed()
}

function unreachable(run: CheckRun, error: Error): void {
  if (isOwnFault(error)) return run.fault(error)
  const code = errnoOf(error) ?? error.message
  run.fail(`no answer: ${ICMP_ERRORS[code] ?? code}`)
}

const ICMP_ERRORS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'ICMP port unreachable',
  EHOSTUNREACH: 'ICMP host unreachable',
  ENETUNREACH: 'ICMP network unreachable',
  EACCES: 'ICMP administratively prohibited',
  ENOPROTOOPT: 'ICMP protocol unreachable',
}
