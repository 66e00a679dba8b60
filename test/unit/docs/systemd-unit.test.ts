/** packaging/veer@.service, as far as it can be judged without starting it. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { NAMESPACE_CAPABILITIES } from '../../../src/system/capabilities.js'

const root = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url))

const ANALYZE = '/usr/bin/systemd-analyze'

/** Settings that give a service a mount namespace of its own (systemd.exec(5)), in which mounts stay. */
const MOUNT_NAMESPACE =
  /^(Private(Tmp|Devices|Mounts|Users)|Protect(System|Home|Kernel\w+|ControlGroups|Proc)|ProcSubset|Mount\w+|(Read|NoExec|Exec|Inaccessible|Bind|Temporary)\w*(Paths|FileSystem)|Root\w+)$/

describe('the systemd unit', () => {
  const unit = readFileSync(root('packaging/veer@.service'), 'utf8')
  const settings = new Map(
    unit.split('\n').flatMap((line) => {
      const [, name, value] = /^(\w+)=(.*)$/.exec(line) ?? []
      return name === undefined || value === undefined ? [] : [[name, value] as const]
    }),
  )

  it('bounds capabilities to what veer asks for', () => {
    expect(settings.get('CapabilityBoundingSet')?.split(' ').sort()).toEqual([...NAMESPACE_CAPABILITIES].sort())
  })

  it('leaves the service in the mount namespace of the host', () => {
    expect([...settings.keys()].filter((name) => MOUNT_NAMESPACE.test(name))).toEqual([])
  })

  it('is what systemd understands', () => {
    const directory = mkdtempSync(join(tmpdir(), 'veer-unit-'))
    try {
      const installed = unit.replaceAll('/opt/veer/bin/veer', root('bin/veer')).replaceAll('/opt/veer/', root(''))
      const path = join(directory, 'veer@test.service')
      writeFileSync(path, installed)
      const { status, stderr } = spawnSync(ANALYZE, ['verify', '--man=no', path], { encoding: 'utf8' })
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    } finally {
      rmSync(directory, { recursive: true })
    }
  })
})
