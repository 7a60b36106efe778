// gitaly.ServerService and grpc.health.v1.Health: what this server is, and whether it can work.

import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { status as Code } from '@grpc/grpc-js'
import type { Storage } from '../git/storage.ts'
import { type Methods, unary } from '../handler.ts'
import { StatusError } from '../status.ts'
import { STORAGE_NAME } from './request.ts'

const SERVER_VERSION = 'conman-readiness'

export function serverService(storage: Storage, gitVersion: string): Methods {
  return {
    ServerInfo: unary(async () => {
      const storage_statuses = [
        {
          storage_name: STORAGE_NAME,
          readable: await permitted(storage.root, constants.R_OK),
          writeable: await permitted(storage.root, constants.W_OK),
          replication_factor: 1,
        },
      ]
      return { server_version: SERVER_VERSION, git_version: gitVersion, storage_statuses }
    }),

    ReadinessCheck: unary(async () => {
      if (await permitted(storage.root, constants.R_OK | constants.W_OK)) return { ok_response: {} }
      const failed_checks = [{ name: 'storage', error_message: 'the storage cannot be read and written' }]
      return { failure_response: { failed_checks } }
    }),
  }
}

/** HealthCheckResponse.ServingStatus */
const SERVING = 1

export function healthService(services: readonly string[]): Methods {
  return {
    Check: unary(async ({ service }: { service: string }) => {
      if (service !== '' && !services.includes(service)) throw new StatusError(Code.NOT_FOUND, 'the service is unknown')
      return { status: SERVING }
    }),
  }
}

function permitted(path: string, mode: number): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  )
}
