// What the server tells of itself (contract 2.9), and what it demands of its surroundings.

import { rmSync } from 'node:fs'
import { status as Code } from '@grpc/grpc-js'
import { expect, test } from 'vitest'
import { startTemporaryBackend } from '../temporary-backend.ts'
import { client, expectFailure, git, useBackend } from './backend.ts'

useBackend()

const check = (service: string) => client.unary('grpc.health.v1.Health', 'Check', { service })

test('its health, as a whole and by service', async () => {
  expect((await check('')).status).toBe(1)
  for (const service of ['Repository', 'Ref', 'Commit', 'Blob', 'Diff', 'Operation', 'Server']) {
    expect((await check(`gitaly.${service}Service`)).status).toBe(1)
  }
  await expectFailure(check('nonsense'), Code.NOT_FOUND)
})

test('its versions and its storage', async () => {
  const info = await client.unary('ServerService', 'ServerInfo', {})
  expect(git('--version')).toContain(info.git_version)
  expect(info.git_version).toMatch(/^2\.\d+/)
  expect(info.server_version).not.toBe('')
  expect(info.storage_statuses).toMatchObject([
    { storage_name: 'default', readable: true, writeable: true, replication_factor: 1 },
  ])
})

test('whether it is ready, and why not', async () => {
  expect(await client.unary('ServerService', 'ReadinessCheck', { timeout: { seconds: 1 } })).toMatchObject({
    Result: 'ok_response',
    ok_response: {},
  })
  await using other = await startTemporaryBackend()
  rmSync(other.storage, { recursive: true })
  const reply = await other.client.unary('ServerService', 'ReadinessCheck', {})
  expect(reply.failure_response.failed_checks).toMatchObject([{ name: 'storage' }])
  const { storage_statuses } = await other.client.unary('ServerService', 'ServerInfo', {})
  expect(storage_statuses).toMatchObject([{ readable: false, writeable: false }])
})
