// The protocol as the contract states it: every method, every message, every field with its number and type. Written down a
// second time on purpose: what is compared with the proto file and with the bytes on the wire must not come from it.
//
// `name: number type`; a type in brackets is repeated, one with a bar is a case of the oneof before the bar. `+` are numbers
// that exist in the protocol and that this backend reads nothing from.

import { bytesField, FIXED_32, FIXED_64, LENGTH_DELIMITED, readFields, tag, VARINT, varintField } from './protobuf.ts'

export type Kind = 'unary' | 'server-stream' | 'client-stream' | 'bidirectional'

export interface Rpc {
  path: string
  kind: Kind
  request: string
  response: string
}

/** Contract 1. */
const METHODS: Record<string, Record<string, Kind>> = {
  RepositoryService: { CreateRepository: 'unary', RepositoryExists: 'unary', RemoveRepository: 'unary' },
  OperationService: {
    UserCreateBranch: 'unary',
    UserDeleteBranch: 'unary',
    UserCommitFiles: 'client-stream',
    UserMergeToRef: 'unary',
    UserRebaseToRef: 'unary',
    UserMergeBranch: 'bidirectional',
    UserRevert: 'unary',
    UserCreateTag: 'unary',
    UserDeleteTag: 'unary',
  },
  RefService: {
    FindBranch: 'unary',
    FindLocalBranches: 'server-stream',
    FindTag: 'unary',
    FindAllTags: 'server-stream',
    UpdateReferences: 'client-stream',
  },
  CommitService: {
    FindCommit: 'unary',
    ListCommits: 'server-stream',
    CommitIsAncestor: 'unary',
    GetTreeEntries: 'server-stream',
  },
  BlobService: { GetBlobs: 'server-stream' },
  DiffService: { CommitDiff: 'server-stream', RawDiff: 'server-stream', DiffStats: 'server-stream' },
  ServerService: { ServerInfo: 'unary', ReadinessCheck: 'unary' },
}

export const RPCS: ReadonlyMap<string, Rpc> = new Map(
  Object.entries(METHODS).flatMap(([service, methods]) =>
    Object.entries(methods).map(([method, kind]): [string, Rpc] => [
      method,
      { path: `/gitaly.${service}/${method}`, kind, request: `${method}Request`, response: `${method}Response` },
    ]),
  ),
)

/** Contract 2.1 to 2.9. */
const DEFINITIONS: Record<string, string> = {
  // 2.1
  Repository: 'storage_name: 2 string, relative_path: 3 string, gl_repository: 6 string + 1 4 5 7 8',
  User: 'gl_id: 1 string, name: 2 bytes, email: 3 bytes, gl_username: 4 string, timezone: 5 string',
  CommitAuthor: 'name: 1 bytes, email: 2 bytes, date: 3 Timestamp, timezone: 4 bytes',
  GitCommit:
    'id: 1 string, subject: 2 bytes, body: 3 bytes, author: 4 CommitAuthor, committer: 5 CommitAuthor, ' +
    'parent_ids: 6 [string], body_size: 7 int64, tree_id: 9 string, encoding: 13 string + 8 10 11 12',
  Branch: 'name: 1 bytes, target_commit: 2 GitCommit',
  Tag:
    'name: 1 bytes, id: 2 string, target_commit: 3 GitCommit, message: 4 bytes, message_size: 5 int64, ' +
    'tagger: 6 CommitAuthor + 7',
  OperationBranchUpdate: 'commit_id: 1 string, repo_created: 2 bool, branch_created: 3 bool',
  PaginationParameter: 'page_token: 1 string, limit: 2 int32',
  PaginationCursor: 'next_cursor: 1 string',
  // 2.2
  CreateRepositoryRequest: 'repository: 1 Repository, default_branch: 2 bytes, object_format: 3 enum',
  CreateRepositoryResponse: '',
  RepositoryExistsRequest: 'repository: 1 Repository',
  RepositoryExistsResponse: 'exists: 1 bool',
  RemoveRepositoryRequest: 'repository: 1 Repository',
  RemoveRepositoryResponse: '',
  // 2.3
  FindBranchRequest: 'repository: 1 Repository, name: 2 bytes',
  FindBranchResponse: 'branch: 1 Branch',
  FindLocalBranchesRequest: 'repository: 1 Repository, sort_by: 2 enum, pagination_params: 3 PaginationParameter',
  FindLocalBranchesResponse: 'local_branches: 2 [Branch] + 1',
  FindTagRequest: 'repository: 1 Repository, tag_name: 2 bytes',
  FindTagResponse: 'tag: 1 Tag',
  FindAllTagsRequest: 'repository: 1 Repository, pagination_params: 3 PaginationParameter + 2',
  FindAllTagsResponse: 'tags: 1 [Tag]',
  UpdateReferencesRequest: 'repository: 1 Repository, updates: 2 [UpdateReferencesRequest.Update]',
  'UpdateReferencesRequest.Update': 'reference: 1 bytes, old_object_id: 2 bytes, new_object_id: 3 bytes',
  UpdateReferencesResponse: '',
  // 2.4
  FindCommitRequest: 'repository: 1 Repository, revision: 2 bytes, trailers: 3 bool',
  FindCommitResponse: 'commit: 1 GitCommit',
  GetTreeEntriesRequest:
    'repository: 1 Repository, revision: 2 bytes, path: 3 bytes, recursive: 4 bool, sort: 5 enum, ' +
    'pagination_params: 6 PaginationParameter, skip_flat_paths: 7 bool',
  GetTreeEntriesResponse: 'entries: 1 [TreeEntry], pagination_cursor: 2 PaginationCursor',
  TreeEntry: 'oid: 1 string, path: 3 bytes, type: 4 enum, mode: 5 int32, commit_oid: 6 string, flat_path: 7 bytes + 2',
  ListCommitsRequest:
    'repository: 1 Repository, revisions: 2 [string], pagination_params: 3 PaginationParameter, order: 4 enum, ' +
    'first_parent: 7 bool, reverse: 11 bool, skip: 14 uint32, paths: 15 [bytes] + 5 6 8 9 10 12 13',
  ListCommitsResponse: 'commits: 1 [GitCommit], pagination_cursor: 2 PaginationCursor',
  CommitIsAncestorRequest: 'repository: 1 Repository, ancestor_id: 2 string, child_id: 3 string',
  CommitIsAncestorResponse: 'value: 1 bool',
  // 2.5
  GetBlobsRequest: 'repository: 1 Repository, revision_paths: 2 [GetBlobsRequest.RevisionPath], limit: 3 int64',
  'GetBlobsRequest.RevisionPath': 'revision: 1 string, path: 2 bytes',
  GetBlobsResponse:
    'size: 1 int64, data: 2 bytes, oid: 3 string, is_submodule: 4 bool, mode: 5 int32, revision: 6 string, ' +
    'path: 7 bytes, type: 8 enum',
  // 2.6
  CommitDiffRequest:
    'repository: 1 Repository, left_commit_id: 2 string, right_commit_id: 3 string, paths: 5 [bytes], ' +
    'collapse_diffs: 6 bool, enforce_limits: 7 bool, max_files: 8 int32, max_lines: 9 int32, max_bytes: 10 int32, ' +
    'safe_max_files: 11 int32, safe_max_lines: 12 int32, safe_max_bytes: 13 int32, max_patch_bytes: 14 int32, ' +
    'diff_mode: 15 enum, whitespace_changes: 17 enum + 4 16 18',
  CommitDiffResponse:
    'from_path: 1 bytes, to_path: 2 bytes, from_id: 3 string, to_id: 4 string, old_mode: 5 int32, new_mode: 6 int32, ' +
    'binary: 7 bool, raw_patch_data: 9 bytes, end_of_patch: 10 bool, overflow_marker: 11 bool, collapsed: 12 bool, ' +
    'too_large: 13 bool, lines_added: 14 int32, lines_removed: 15 int32 + 8',
  RawDiffRequest: 'repository: 1 Repository, left_commit_id: 2 string, right_commit_id: 3 string',
  RawDiffResponse: 'data: 1 bytes',
  DiffStatsRequest: 'repository: 1 Repository, left_commit_id: 2 string, right_commit_id: 3 string',
  DiffStatsResponse: 'stats: 1 [DiffStats]',
  DiffStats: 'path: 1 bytes, additions: 2 int32, deletions: 3 int32, old_path: 4 bytes',
  // 2.7
  UserCreateBranchRequest: 'repository: 1 Repository, branch_name: 2 bytes, user: 3 User, start_point: 4 bytes',
  UserCreateBranchResponse: 'branch: 1 Branch + 2',
  UserDeleteBranchRequest: 'repository: 1 Repository, branch_name: 2 bytes, user: 3 User, expected_old_oid: 4 string',
  UserDeleteBranchResponse: ' + 1',
  UserCommitFilesRequest:
    'header: 1 user_commit_files_request_payload|UserCommitFilesRequestHeader, ' +
    'action: 2 user_commit_files_request_payload|UserCommitFilesAction',
  UserCommitFilesRequestHeader:
    'repository: 1 Repository, user: 2 User, branch_name: 3 bytes, commit_message: 4 bytes, commit_author_name: 5 bytes, ' +
    'commit_author_email: 6 bytes, start_branch_name: 7 bytes, start_repository: 8 Repository, force: 9 bool, ' +
    'start_sha: 10 string, timestamp: 11 Timestamp, expected_old_oid: 12 string, sign: 13 bool',
  UserCommitFilesAction:
    'header: 1 user_commit_files_action_payload|UserCommitFilesActionHeader, ' +
    'content: 2 user_commit_files_action_payload|bytes',
  UserCommitFilesActionHeader:
    'action: 1 enum, file_path: 2 bytes, previous_path: 3 bytes, base64_content: 4 bool, execute_filemode: 5 bool, ' +
    'infer_content: 6 bool',
  UserCommitFilesResponse: 'branch_update: 1 OperationBranchUpdate, index_error: 2 string, pre_receive_error: 3 string',
  UserMergeToRefRequest:
    'repository: 1 Repository, user: 2 User, source_sha: 3 string, branch: 4 bytes, target_ref: 5 bytes, message: 6 bytes, ' +
    'first_parent_ref: 7 bytes, allow_conflicts: 8 bool, timestamp: 9 Timestamp, expected_old_oid: 10 string, ' +
    'sign: 11 bool',
  UserMergeToRefResponse: 'commit_id: 1 string + 2',
  UserRebaseToRefRequest:
    'repository: 1 Repository, user: 2 User, source_sha: 3 string, target_ref: 5 bytes, first_parent_ref: 7 bytes, ' +
    'timestamp: 9 Timestamp, expected_old_oid: 10 string',
  UserRebaseToRefResponse: 'commit_id: 1 string',
  UserMergeBranchRequest:
    'repository: 1 Repository, user: 2 User, commit_id: 3 string, branch: 4 bytes, message: 5 bytes, apply: 6 bool, ' +
    'timestamp: 7 Timestamp, expected_old_oid: 8 string, squash: 9 bool, sign: 10 bool',
  UserMergeBranchResponse: 'commit_id: 1 string, branch_update: 3 OperationBranchUpdate + 2 4',
  UserRevertRequest:
    'repository: 1 Repository, user: 2 User, commit: 3 GitCommit, branch_name: 4 bytes, message: 5 bytes, ' +
    'start_branch_name: 6 bytes, start_repository: 7 Repository, dry_run: 8 bool, timestamp: 9 Timestamp, ' +
    'expected_old_oid: 10 string, sign: 11 bool',
  UserRevertResponse:
    'branch_update: 1 OperationBranchUpdate, create_tree_error: 2 string, commit_error: 3 string, ' +
    'pre_receive_error: 4 string, create_tree_error_code: 5 enum',
  UserCreateTagRequest:
    'repository: 1 Repository, tag_name: 2 bytes, user: 3 User, target_revision: 4 bytes, message: 5 bytes, ' +
    'timestamp: 7 Timestamp',
  UserCreateTagResponse: 'tag: 1 Tag + 2 3',
  UserDeleteTagRequest: 'repository: 1 Repository, tag_name: 2 bytes, user: 3 User, expected_old_oid: 4 string',
  UserDeleteTagResponse: 'pre_receive_error: 1 string',
  // 2.8
  UserCreateBranchError: 'custom_hook: 1 error|CustomHookError',
  UserDeleteBranchError:
    'access_check: 1 error|AccessCheckError, reference_update: 2 error|ReferenceUpdateError, ' +
    'custom_hook: 3 error|CustomHookError',
  UserCreateTagError:
    'access_check: 1 error|AccessCheckError, reference_update: 2 error|ReferenceUpdateError, ' +
    'custom_hook: 3 error|CustomHookError, reference_exists: 4 error|ReferenceExistsError',
  UserCommitFilesError:
    'access_check: 1 error|AccessCheckError, index_update: 2 error|IndexError, custom_hook: 3 error|CustomHookError',
  UserMergeBranchError:
    'access_check: 1 error|AccessCheckError, reference_update: 2 error|ReferenceUpdateError, ' +
    'custom_hook: 3 error|CustomHookError, merge_conflict: 4 error|MergeConflictError',
  UserRevertError:
    'merge_conflict: 1 error|MergeConflictError, changes_already_applied: 2 error|ChangesAlreadyAppliedError, ' +
    'custom_hook: 3 error|CustomHookError, not_ancestor: 4 error|NotAncestorError',
  UpdateReferencesError:
    'invalid_format: 1 error|InvalidRefFormatError, references_locked: 2 error|ReferencesLockedError, ' +
    'reference_state_mismatch: 3 error|ReferenceStateMismatchError',
  GetTreeEntriesError: 'resolve_tree: 1 error|ResolveRevisionError, path: 2 error|PathError',
  FindTagError: 'tag_not_found: 1 error|ReferenceNotFoundError',
  IndexError: 'path: 1 bytes, error_type: 2 enum',
  MergeConflictError: 'conflicting_files: 1 [bytes], conflicting_commit_ids: 2 [string]',
  ReferenceUpdateError: 'reference_name: 1 bytes, old_oid: 2 string, new_oid: 3 string',
  ReferenceExistsError: 'reference_name: 1 bytes, oid: 2 string',
  ReferenceNotFoundError: 'reference_name: 1 bytes',
  ReferenceStateMismatchError: 'reference_name: 1 bytes, expected_object_id: 2 bytes, actual_object_id: 3 bytes',
  ReferencesLockedError: 'refs: 1 [bytes]',
  InvalidRefFormatError: 'refs: 2 [bytes]',
  ResolveRevisionError: 'revision: 1 bytes',
  PathError: 'path: 1 bytes, error_type: 2 enum',
  NotAncestorError: 'parent_revision: 1 bytes, child_revision: 2 bytes',
  ChangesAlreadyAppliedError: '',
  AccessCheckError: 'error_message: 1 string, protocol: 2 string, user_id: 3 string, changes: 4 bytes',
  CustomHookError: 'stdout: 1 bytes, stderr: 2 bytes, hook_type: 3 enum',
  // 2.9
  ServerInfoRequest: '',
  ServerInfoResponse:
    'server_version: 1 string, git_version: 2 string, storage_statuses: 3 [ServerInfoResponse.StorageStatus]',
  'ServerInfoResponse.StorageStatus':
    'storage_name: 1 string, readable: 2 bool, writeable: 3 bool, fs_type: 4 string, filesystem_id: 5 string, ' +
    'replication_factor: 6 uint32',
  ReadinessCheckRequest: 'timeout: 1 Duration',
  ReadinessCheckResponse:
    'ok_response: 1 Result|ReadinessCheckResponse.Ok, failure_response: 2 Result|ReadinessCheckResponse.Failure',
  'ReadinessCheckResponse.Ok': '',
  'ReadinessCheckResponse.Failure': 'failed_checks: 1 [ReadinessCheckResponse.Failure.Response]',
  'ReadinessCheckResponse.Failure.Response': 'name: 1 string, error_message: 2 string',
}

/** Of google.protobuf, google.rpc and grpc.health.v1. */
const WELL_KNOWN: Record<string, string> = {
  Timestamp: 'seconds: 1 int64, nanos: 2 int32',
  Duration: 'seconds: 1 int64, nanos: 2 int32',
  Any: 'type_url: 1 string, value: 2 bytes',
  Status: 'code: 1 int32, message: 2 string, details: 3 [Any]',
  HealthCheckRequest: 'service: 1 string',
  HealthCheckResponse: 'status: 1 enum',
}

/** Contract 2.1, 2.4, 2.6 to 2.8: `message.field` and the numbers that it may have. */
export const ENUMS: Record<string, Record<string, number>> = {
  ObjectType: { UNKNOWN: 0, COMMIT: 1, BLOB: 2, TREE: 3, TAG: 4 },
  ObjectFormat: { OBJECT_FORMAT_UNSPECIFIED: 0, OBJECT_FORMAT_SHA1: 1, OBJECT_FORMAT_SHA256: 2 },
  'TreeEntry.EntryType': { BLOB: 0, TREE: 1, COMMIT: 3 },
  'FindLocalBranchesRequest.SortBy': { NAME: 0, UPDATED_ASC: 1, UPDATED_DESC: 2 },
  'GetTreeEntriesRequest.SortBy': { DEFAULT: 0, TREES_FIRST: 1, FILESYSTEM: 2 },
  'ListCommitsRequest.Order': { NONE: 0, TOPO: 1, DATE: 2 },
  'CommitDiffRequest.DiffMode': { DEFAULT: 0, WORDDIFF: 1 },
  'UserCommitFilesActionHeader.ActionType': { CREATE: 0, CREATE_DIR: 1, UPDATE: 2, MOVE: 3, DELETE: 4, CHMOD: 5 },
  'UserRevertResponse.CreateTreeError': { NONE: 0, EMPTY: 1, CONFLICT: 2 },
  'IndexError.ErrorType': {
    ERROR_TYPE_UNSPECIFIED: 0,
    ERROR_TYPE_EMPTY_PATH: 1,
    ERROR_TYPE_INVALID_PATH: 2,
    ERROR_TYPE_DIRECTORY_EXISTS: 3,
    ERROR_TYPE_DIRECTORY_TRAVERSAL: 4,
    ERROR_TYPE_FILE_EXISTS: 5,
    ERROR_TYPE_FILE_NOT_FOUND: 6,
  },
  'PathError.ErrorType': {
    ERROR_TYPE_UNSPECIFIED: 0,
    ERROR_TYPE_EMPTY_PATH: 1,
    ERROR_TYPE_RELATIVE_PATH_ESCAPES_REPOSITORY: 2,
    ERROR_TYPE_ABSOLUTE_PATH: 3,
    ERROR_TYPE_LONG_PATH: 4,
    ERROR_TYPE_INVALID_PATH: 5,
    ERROR_TYPE_PATH_EXISTS: 6,
  },
  'CustomHookError.HookType': {
    HOOK_TYPE_UNSPECIFIED: 0,
    HOOK_TYPE_PRERECEIVE: 1,
    HOOK_TYPE_UPDATE: 2,
    HOOK_TYPE_POSTRECEIVE: 3,
  },
}

export interface FieldDefinition {
  name: string
  number: number
  type: string
  repeated: boolean
  oneof: string | undefined
}

export interface MessageDefinition {
  fields: readonly FieldDefinition[]
  /** Numbers that exist, or are reserved, and of which nothing is read. */
  others: readonly number[]
}

export const MESSAGES: ReadonlyMap<string, MessageDefinition> = new Map(
  Object.entries(DEFINITIONS).map(([name, text]) => [name, parseDefinition(text)]),
)

const ALL = new Map([
  ...MESSAGES,
  ...Object.entries(WELL_KNOWN).map(([name, text]) => [name, parseDefinition(text)] as const),
])

function parseDefinition(text: string): MessageDefinition {
  const [listed = '', others = ''] = text.split('+')
  const fields = listed
    .split(',')
    .map((field) => field.trim())
    .filter((field) => field !== '')
    .map((field): FieldDefinition => {
      const match = /^(\w+): (\d+) (?:(\w+)\|)?(\[)?([\w.]+)\]?$/.exec(field)
      if (!match) throw new Error(`malformed: ${field}`)
      const [, name, number, oneof, bracket, type] = match
      return { name: name!, number: Number(number), type: type!, repeated: bracket !== undefined, oneof }
    })
  return { fields, others: others.split(' ').filter(Boolean).map(Number) }
}

function definitionOf(message: string): MessageDefinition {
  const definition = ALL.get(message)
  if (!definition) throw new Error(`the contract has no message ${message}`)
  return definition
}

export type Fields = { readonly [name: string]: unknown }

/**
 * A message's bytes: fields by ascending number, defaults left out. `noise` stands before and after the fields of every
 * message: what a newer or a chattier client might send.
 */
export function encode(
  message: string,
  fields: Fields,
  noise: (message: string) => Buffer = () => Buffer.alloc(0),
): Buffer {
  const { fields: definitions } = definitionOf(message)
  for (const name of Object.keys(fields)) {
    if (!definitions.some((field) => field.name === name)) throw new Error(`${message} has no field ${name}`)
  }
  const parts = [...definitions]
    .sort((a, b) => a.number - b.number)
    .flatMap((field) => {
      const value = fields[field.name]
      if (value === undefined || value === null) return []
      const values = field.repeated ? (value as unknown[]) : [value]
      return values.map((item) => encodeField(field, item, noise))
    })
  return Buffer.concat([noise(message), ...parts, noise(message)])
}

function encodeField(field: FieldDefinition, value: unknown, noise: (message: string) => Buffer): Buffer {
  const { number, type } = field
  const present = field.repeated || field.oneof !== undefined
  switch (type) {
    case 'string':
    case 'bytes': {
      const bytes = Buffer.from(value as string | Buffer)
      return bytes.length > 0 || present ? bytesField(number, bytes) : Buffer.alloc(0)
    }
    case 'bool':
    case 'enum':
    case 'int32':
    case 'int64':
    case 'uint32': {
      const integer = Number(value)
      return integer !== 0 || present ? varintField(number, integer) : Buffer.alloc(0)
    }
    default:
      return bytesField(number, encode(type, value as Fields, noise))
  }
}

/**
 * A message's fields, read as strictly as no client reads: a number that the contract does not give, a wrong wire type, a
 * default that is written out, a text that is not UTF-8 or a second value of what is not repeated is an error. A field that
 * is not there is not in the result.
 */
export function decode(message: string, bytes: Buffer): Record<string, unknown> {
  const { fields: definitions } = definitionOf(message)
  const fields: Record<string, unknown> = {}
  for (const { number, wireType, value } of readFields(bytes)) {
    const field = definitions.find((definition) => definition.number === number)
    if (!field) throw new Error(`${message} has a field ${number}, which the contract does not give it`)
    const where = `${message}.${field.name}`
    const decoded = decodeValue(where, field, wireType, value)
    if (field.repeated) {
      fields[field.name] = [...((fields[field.name] as unknown[]) ?? []), decoded]
      continue
    }
    if (field.name in fields) throw new Error(`${where} comes twice`)
    fields[field.name] = decoded
  }
  return fields
}

function decodeValue(where: string, field: FieldDefinition, wireType: number, value: bigint | Buffer): unknown {
  const present = field.repeated || field.oneof !== undefined
  const varints = ['bool', 'enum', 'int32', 'int64', 'uint32']
  const expected = varints.includes(field.type) ? VARINT : LENGTH_DELIMITED
  if (wireType !== expected) throw new Error(`${where} has wire type ${wireType}`)
  if (typeof value === 'bigint') {
    if (value === 0n && !present) throw new Error(`${where} is written although it is zero`)
    return field.type === 'bool' ? value === 1n : Number(BigInt.asIntN(64, value))
  }
  if (field.type === 'string' || field.type === 'bytes') {
    if (value.length === 0 && !present) throw new Error(`${where} is written although it is empty`)
    return field.type === 'bytes' ? value : new TextDecoder('utf-8', { fatal: true }).decode(value)
  }
  return decode(field.type, value)
}

/** Fields of all the numbers of a message that nothing is read from, and of numbers that no message has yet. */
export function noiseOf(message: string): Buffer {
  const unknown = [1000, 536_870_911]
  const numbers = [...definitionOf(message).others, ...unknown]
  return Buffer.concat(
    numbers.flatMap((number) => [
      bytesField(number, Buffer.from('noise')),
      ...(unknown.includes(number)
        ? [
            varintField(number, 2 ** 53),
            Buffer.concat([tag(number, FIXED_64), Buffer.alloc(8, 0xff)]),
            Buffer.concat([tag(number, FIXED_32), Buffer.alloc(4, 0xff)]),
          ]
        : []),
    ]),
  )
}
