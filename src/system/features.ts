/** Offloads of an interface. Runs in the thread's network namespace. */
import { execFileSync } from 'node:child_process'

/** What `ethtool --json -k` says of each feature; `fixed` is null for a group of several. */
export type Features = Readonly<Record<string, { active: boolean; fixed: boolean | null }>>

/** Nothing when there is no ethtool, or one without JSON for this: then nothing can be said about offloads. */
export function readFeatures(interfaceName: string): Features {
  try {
    const json = execFileSync('ethtool', ['--json', '-k', interfaceName], { encoding: 'utf8', stdio: 'pipe' })
    return (JSON.parse(json) as Features[])[0] ?? {}
  } catch {
    return {}
  }
}
