import { pino } from 'pino'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Config } from '../../../src/config/schema.js'
import { logHealthChanges, logOutages, logQuorums } from '../../../src/control/health-log.js'
import type { HealthChange, HealthState, ProbeTarget } from '../../../src/health/protocol.js'

const target = (service: string, address: string, state: HealthState): ProbeTarget =>
  ({ key: `${service} ${address}`, service, address, port: 80, state }) as ProbeTarget

const byKey = (targets: ProbeTarget[]): Map<string, ProbeTarget> => new Map(targets.map((each) => [each.key, each]))

const news = (key: string, state: 'up' | 'down'): HealthChange => ({
  key, state, inARow: 3, last: { ok: state === 'up', step: 'status', reason: state === 'up' ? '' : 'status 503', tookMs: 1 },
})

describe('the log of health', () => {
  let lines: Record<string, unknown>[]
  const log = pino({ base: null, timestamp: false }, { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) })
  beforeEach(() => {
    lines = []
  })

  it('has each change with its reason, and nothing of what the maps say already or of what is gone', () => {
    const targets = byKey([target('web', '10.0.0.11', 'up'), target('web', '10.0.0.12', 'down'), target('web', '10.0.0.13', 'up')])
    const changes = [news('web 10.0.0.11', 'down'), news('web 10.0.0.12', 'up'), news('web 10.0.0.13', 'up'), news('gone', 'down')]
    logHealthChanges(log, changes, targets)
    expect(lines).toEqual([
      { level: 40, service: 'web', real: '10.0.0.11:80', from: 'up', to: 'down', inARow: 3, step: 'status', reason: 'status 503', msg: 'real is down' },
      { level: 30, service: 'web', real: '10.0.0.12:80', from: 'down', to: 'up', inARow: 3, step: 'status', msg: 'real is up' },
    ])
  })

  it('has the loss of the last real of a service, and its return, once', () => {
    const some = [target('web', '10.0.0.11', 'down'), target('web', '10.0.0.12', 'up')]
    const none = [target('web', '10.0.0.11', 'down'), target('web', '10.0.0.12', 'down')]
    logOutages(log, some, none)
    logOutages(log, none, none)
    logOutages(log, none, some)
    expect(lines.map(({ msg, service }) => [msg, service])).toEqual([['all reals are down', 'web'], ['a real is up again', 'web']])
  })

  it('has quorums, with the sorry server that serves meanwhile', () => {
    const services = [{ name: 'web', sorryServer: { address: '10.0.0.99', port: 80 } }, { name: 'dns', sorryServer: false }]
    const quorum = (name: string, after: string): never => ({ action: 'change', object: `services.${name}.quorum`, before: '', after }) as never
    logQuorums(log, { services } as unknown as Config, [quorum('web', 'lost'), quorum('dns', 'lost')])
    logQuorums(log, { services } as unknown as Config, [quorum('web', 'there')])
    expect(lines).toEqual([
      { level: 40, service: 'web', sorryServer: '10.0.0.99:80', msg: 'quorum lost; the sorry server serves' },
      { level: 40, service: 'dns', msg: 'quorum lost' },
      { level: 30, service: 'web', sorryServer: '10.0.0.99:80', msg: 'quorum regained; the sorry server rests' },
    ])
  })
})
