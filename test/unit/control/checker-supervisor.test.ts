import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type Logger, pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CheckerSupervisor } from '../../../src/control/checker-supervisor.js'
import { VeerError } from '../../../src/errors.js'
import type { HealthChange, ProbeTarget } from '../../../src/health/protocol.js'

const STAND_IN = fileURLToPath(new URL('../../support/checker-stand-in.mjs', import.meta.url))
const DEADLINE = { timeout: 10_000, interval: 5 } as const

const target = (key: string): ProbeTarget => ({ key }) as ProbeTarget

interface Line {
  msg: string
  [key: string]: unknown
}

describe('the supervisor of a checker', { timeout: 30_000 }, () => {
  let lines: Line[]
  let log: Logger
  let changes: HealthChange[]
  let started: ChildProcess[]
  let supervisor: CheckerSupervisor

  const pid = (change: HealthChange): number => Number(change.last.reason.split(' ')[1])
  const pids = (): number[] => changes.map(pid)
  const messages = (): string[] => lines.map(({ msg }) => msg)

  beforeEach(() => {
    lines = []
    changes = []
    started = []
    log = pino({ level: 'debug' }, { write: (line: string) => void lines.push(JSON.parse(line) as Line) })
  })
  afterEach(() => {
    supervisor.close()
    for (const child of started) child.kill('SIGKILL')
  })

  /** @param tickMs - it is killed after ten of them without a word */
  function supervise(manner: string, { tickMs = 1000, start }: { tickMs?: number; start?: () => ChildProcess } = {}): CheckerSupervisor {
    const fork_ = (): ChildProcess => {
      const child = fork(STAND_IN, [manner], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], execArgv: [] })
      started.push(child)
      return child
    }
    const onChanges = (said: readonly HealthChange[]): void => void changes.push(...said)
    supervisor = new CheckerSupervisor({ name: 'test', start: start ?? fork_, onChanges, log, tickMs, backOffMs: 20 })
    return supervisor
  }

  it('starts it when there is something to check, tells it, and hears what changed', async () => {
    const checker = supervise('well')
    expect(checker.lives).toBe(true)
    checker.check([])
    expect(started).toEqual([])
    checker.check([target('web 10.0.0.11:80')])
    expect(checker.lives).toBe(false)
    await checker.settled
    expect(checker.lives).toBe(true)
    checker.check([target('a'), target('b')])
    await expect.poll(() => changes.map(({ key }) => key), DEADLINE).toEqual(['web 10.0.0.11:80', 'a b -web 10.0.0.11:80'])
    await expect.poll(() => checker.beat?.checks, DEADLINE).toBe(1)
    expect(started).toHaveLength(1)
  })

  it('tells it no more than what is news', async () => {
    const checker = supervise('well')
    const [a, b] = [target('a'), { ...target('b'), destId: 2 }]
    checker.check([a, b])
    checker.check([{ ...b }, target('a')])
    checker.check([a, { ...b, destId: 3 }])
    checker.check([a, b, target('c')])
    await expect.poll(() => changes.map(({ key }) => key), DEADLINE).toEqual(['a b', 'b', 'b c'])
  })

  it('ends it when there is nothing to check any more', async () => {
    const checker = supervise('well')
    checker.check([target('a')])
    await checker.settled
    checker.check([])
    await expect.poll(() => started[0]?.signalCode, DEADLINE).toBe('SIGKILL')
    expect(checker.lives).toBe(true)
    expect(messages()).toEqual(['started the checker'])
    checker.check([target('b')])
    await expect.poll(() => changes.at(-1)?.key, DEADLINE).toBe('b')
  })

  it('starts one that was killed again, which is told everything', async () => {
    const checker = supervise('well')
    checker.check([target('a')])
    checker.check([target('a'), target('b')])
    await expect.poll(pids, DEADLINE).toHaveLength(2)
    started[0]?.kill('SIGKILL')
    await expect.poll(pids, DEADLINE).toHaveLength(3)
    expect(changes[2]?.key).toBe('a b')
    expect(new Set(pids()).size).toBe(2)
    const [ended] = lines.filter(({ msg }) => msg.startsWith('the checker has ended'))
    expect(ended).toMatchObject({ checker: 'test', code: null, signal: 'SIGKILL', againInMs: 20 })
    await expect.poll(() => checker.lives, DEADLINE).toBe(true)
  })

  it('waits twice as long after each start in vain', async () => {
    supervise('dying').check([target('a')])
    const waits = (): unknown[] => lines.flatMap(({ againInMs }) => (againInMs === undefined ? [] : [againInMs]))
    await expect.poll(() => waits().slice(0, 4), DEADLINE).toEqual([20, 40, 80, 160])
  })

  it('kills one that says nothing any more, and starts another', async () => {
    const checker = supervise('mute', { tickMs: 50 })
    checker.check([target('a')])
    await checker.settled
    await expect.poll(() => checker.lives, DEADLINE).toBe(false)
    await expect.poll(() => started.length, DEADLINE).toBeGreaterThan(1)
    expect(started[0]?.signalCode).toBe('SIGKILL')
    expect(messages()).toContain('the checker says nothing any more; killing it')
  })

  it('does not take its own long stop for silence of the checker', async () => {
    const tickMs = 100
    const checker = supervise('well', { tickMs })
    checker.check([target('a')])
    await checker.settled
    const end = performance.now() + 12 * tickMs
    while (performance.now() < end);
    await new Promise((resolve) => setTimeout(resolve, 2 * tickMs))
    expect(checker.lives).toBe(true)
    expect(started).toHaveLength(1)
  })

  it('says why it cannot start it, and tries again', async () => {
    const hint = 'veer apply -f FILE makes it'
    const refuse = (): ChildProcess => {
      throw new VeerError('LB_ERR_PROBE_PATH_MISSING', 'there is no namespace', { hint })
    }
    const checker = supervise('well', { start: refuse })
    checker.check([target('a')])
    await checker.settled
    await expect.poll(() => lines.length, DEADLINE).toBeGreaterThan(2)
    expect(lines[0]).toMatchObject({ code: 'LB_ERR_PROBE_PATH_MISSING', hint, checker: 'test' })
    expect(lines[0]?.msg).toMatch(/^the checker cannot be started: there is no namespace; /)
  })

  it('starts it anew when asked to, without a word of the old one', async () => {
    const checker = supervise('well')
    checker.check([target('a')])
    await expect.poll(pids, DEADLINE).toHaveLength(1)
    checker.restart()
    await expect.poll(pids, DEADLINE).toHaveLength(2)
    expect(messages().filter((message) => message !== 'started the checker')).toEqual([])
  })

  it('passes on its faults, and what it prints', async () => {
    supervise('complaining').check([target('a')])
    await expect.poll(messages, DEADLINE).toEqual(expect.arrayContaining(['the checker cannot check', 'a line', 'another']))
    expect(lines.find(({ msg }) => msg === 'the checker cannot check')).toMatchObject({ reason: 'EMFILE' })
  })
})
