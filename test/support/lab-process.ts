/** A process that makes a lab, prints its name and ends as argv says, without closing the lab. */
import { Lab } from '../../lab/topology.js'

const lab = await Lab.create({ reals: 1 })
console.log(lab.name)
const ending = process.argv[2] ?? ''
if (ending === 'throw') throw new Error('as asked')
if (ending === 'exit') process.exit(3)
if (ending === 'return') for (const real of lab.reals) await real.stop()
// With its servers running it waits for a signal.
