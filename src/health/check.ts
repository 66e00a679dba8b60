/** Checks a real once, by an ordinary socket or program. */
import type { CheckOptions } from './check-run.js'
import { CheckRun } from './check-run.js'
import { checkExec } from './exec.js'
import { checkHttp, checkHttps } from './http.js'
import type { CheckResult, ProbeTarget } from './protocol.js'
import { checkTcp } from './tcp.js'
import { checkUdp } from './udp.js'

/**
 * Makes the check of a target, within its timeout. The promise settles when the socket is closed, so that its port is
 * free. Rejects with `LB_ERR_CHECK_IMPOSSIBLE` when the check could not be made, which says nothing of the real.
 */
export function runCheck(target: ProbeTarget, options: CheckOptions = {}): Promise<CheckResult> {
  return new Promise((resolve, reject) => {
    options.signal?.throwIfAborted()
    const run = new CheckRun(target, options, resolve, reject)
    const { check } = target
    switch (check.kind) {
      case 'tcp':
        return checkTcp(run)
      case 'http':
        return checkHttp(run, check)
      case 'https':
        return checkHttps(run, check)
      case 'udp':
        return checkUdp(run, check)
      case 'exec':
        return checkExec(run, check)
    }
  })
}
