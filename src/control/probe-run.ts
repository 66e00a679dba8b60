/** One check of each real of `veer probe`, by a process in the namespace where its packets must leave from. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { InstanceLocation } from '../dataplane/instance.js'
import { VeerError } from '../errors.js'
import type { ProbeNews, ProbeOrder, ProbeStep } from '../health/probe-protocol.js'
import type { CheckResult, ProbeTarget } from '../health/protocol.js'
import { PACKAGE_ROOT } from '../package-root.js'
import type { NetworkNamespace } from '../system/netns.js'
import { openProbeNamespace } from '../system/probe-namespace.js'

const SCRIPT = fileURLToPath(new URL('dist/health/probe-once.js', PACKAGE_ROOT))

export interface ProbedReal {
  target: ProbeTarget
  result: CheckResult
  steps: ProbeStep[]
}

/** The process sends its answers in a few of these: as many reals as there are ports, each waiting for its turn. */
const AT_ONCE = 64

/**
 * Checks all targets, some at a time, and says what came of each in their order. Throws `LB_ERR_PROBE_PATH_MISSING`, and
 * what kept a check from being made.
 *
 * @param host - the namespace of the director's interfaces, where reals on this host are checked from
 */
export async function probeOnce(
  location: InstanceLocation,
  host: NetworkNamespace,
  targets: readonly ProbeTarget[],
): Promise<ProbedReal[]> {
  const probed: ProbedReal[] = []
  for (let from = 0; from < targets.length; from += AT_ONCE) {
    const turn = targets.slice(from, from + AT_ONCE)
    const isolated = turn.filter(({ source }) => source !== undefined)
    const local = turn.filter(({ source }) => source === undefined)
    const found = await Promise.all([
      isolated.length === 0 ? [] : probeIn(openProbeNamespace(location.name), location, isolated, []),
      local.length === 0 ? [] : probeIn(host, location, local, ['--local']),
    ])
    probed.push(...found.flat())
  }
  return targets.flatMap((target) => probed.filter((each) => each.target === target))
}

async function probeIn(
  namespace: NetworkNamespace,
  { name, bpffs }: InstanceLocation,
  targets: ProbeTarget[],
  options: string[],
): Promise<ProbedReal[]> {
  const args = ['--instance', name, '--bpffs', bpffs, ...options]
  const child = namespace.run(() => fork(SCRIPT, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }))
  try {
    return await resultsOf(child, targets)
  } finally {
    child.kill('SIGKILL')
  }
}

function resultsOf(child: ChildProcess, targets: ProbeTarget[]): Promise<ProbedReal[]> {
  return new Promise((resolve, reject) => {
    const steps = new Map(targets.map(({ key }) => [key, [] as ProbeStep[]]))
    const results = new Map<string, CheckResult>()
    child.once('error', reject)
    child.once('exit', () => reject(new Error('the process that probes ended before its time')))
    child.on('message', (news: ProbeNews) => {
      switch (news.type) {
        case 'step':
          steps.get(news.key)?.push({ step: news.step, detail: news.detail, atMs: news.atMs })
          return
        case 'fault':
          return reject(faultOf(news))
        case 'result':
          results.set(news.key, news.result)
      }
      if (results.size < targets.length) return
      resolve(
        targets.flatMap((target) => {
          const result = results.get(target.key)
          return result === undefined ? [] : [{ target, result, steps: steps.get(target.key) ?? [] }]
        }),
      )
    })
    const order: ProbeOrder = { targets }
    child.send(order)
  })
}

function faultOf({ code, reason, hint }: ProbeNews & { type: 'fault' }): Error {
  if (code === undefined) return new Error(reason)
  return new VeerError(code as VeerError['code'], reason, hint === undefined ? {} : { hint })
}
