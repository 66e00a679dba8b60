import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ServiceManager } from '../../../src/system/service-manager.js'

const SOCKET = '/run/systemd/notify'

const errno = (code: string): Error => Object.assign(new Error(code), { code })

describe('the service manager', () => {
  let said: string[]
  /** What the next calls throw. */
  let failures: Error[]
  const onFailure = vi.fn()

  const notify = (socket: string, message: string): void => {
    const failure = failures.shift()
    if (failure !== undefined) throw failure
    expect(socket).toBe(SOCKET)
    said.push(message)
  }

  const manager = (environment: NodeJS.ProcessEnv = { NOTIFY_SOCKET: SOCKET }): ServiceManager =>
    new ServiceManager({ environment, notify, onFailure })

  beforeEach(() => {
    vi.useFakeTimers()
    said = []
    failures = []
    onFailure.mockClear()
  })
  afterEach(() => vi.useRealTimers())

  it('hears nothing when there is none', () => {
    const nobody = manager({})
    nobody.ready('running')
    nobody.stopping()
    expect(said).toEqual([])
    expect(nobody.watchdogMs).toBeUndefined()
  })

  it('hears readiness, reloads with their time, status, life and the end', () => {
    const service = manager()
    const before = process.hrtime.bigint() / 1000n
    service.ready('2 services')
    service.reloading()
    service.status('a real is down\nand so on')
    service.alive()
    service.stopping()
    service.alive()
    expect(said).toEqual([
      'READY=1\nSTATUS=2 services',
      expect.stringMatching(/^RELOADING=1\nMONOTONIC_USEC=\d+$/),
      'STATUS=a real is down and so on',
      'WATCHDOG=1',
      'STOPPING=1',
    ])
    const told = BigInt(/\d+$/.exec(said[1] ?? '')?.[0] ?? 0)
    expect(told >= before && told <= process.hrtime.bigint() / 1000n).toBe(true)
  })

  it('takes the variables of the protocol away from the processes that we start', () => {
    const environment = { NOTIFY_SOCKET: SOCKET, WATCHDOG_USEC: '10000000', WATCHDOG_PID: `${process.pid}`, PATH: '/bin' }
    expect(manager(environment).watchdogMs).toBe(10_000)
    expect(environment).toEqual({ PATH: '/bin' })
  })

  it.each([
    { why: 'is for another process', variables: { WATCHDOG_USEC: '10000000', WATCHDOG_PID: '1' } },
    { why: 'is no number', variables: { WATCHDOG_USEC: 'soon' } },
    { why: 'is off', variables: { WATCHDOG_USEC: '0' } },
  ])('keeps no watchdog that $why', ({ variables }) => {
    expect(manager({ NOTIFY_SOCKET: SOCKET, ...variables }).watchdogMs).toBeUndefined()
  })

  it('is told later and in order when its queue is full', () => {
    failures = [errno('EAGAIN'), errno('EAGAIN')]
    const service = manager()
    service.ready('running')
    service.alive()
    vi.advanceTimersByTime(50)
    expect(said).toEqual([])
    vi.advanceTimersByTime(50)
    expect(said).toEqual(['READY=1\nSTATUS=running', 'WATCHDOG=1'])
    expect(onFailure).not.toHaveBeenCalled()
  })

  it('that cannot be reached is reported once, and told again when it is back', () => {
    failures = [errno('ECONNREFUSED'), errno('ECONNREFUSED')]
    const service = manager()
    service.alive()
    service.alive()
    expect(onFailure.mock.calls).toEqual([[errno('ECONNREFUSED')]])
    service.alive()
    expect(said).toEqual(['WATCHDOG=1'])
  })
})
