/** What a change of health did, in the words of a plan. */
import type { Change } from './change.js'
import { change } from './change.js'
import { healthOf } from './member-health.js'
import type { HealthStep } from './reconcile-health.js'
import { realName } from './service-view.js'

/** Health, weights and quorum of the services concerned. */
export function healthChanges(steps: readonly HealthStep[]): Change[] {
  return steps.flatMap(({ config, live, destinations, quorum }) => {
    const path = `services.${config.name}`
    const reals = destinations.flatMap(({ live: { address, value }, next }) => {
      const name = `${path}.reals.${realName(live.key.port, address, value.port)}`
      return [
        ...change(`${name}.health`, healthOf(value.flags), next.health),
        ...change(`${name}.effectiveWeight`, value.effectiveWeight, next.effectiveWeight),
      ]
    })
    return [...reals, ...change(`${path}.quorum`, quorumText(quorum.wasLost), quorumText(quorum.isLost))]
  })
}

const quorumText = (lost: boolean): string => (lost ? 'lost' : 'there')
