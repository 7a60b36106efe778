// The messages of gitaly.proto that the services read and write, as proto-loader gives and takes them.

export interface Timestamp {
  seconds: number
  nanos: number
}

export interface RepositoryMessage {
  storage_name: string
  relative_path: string
}

export interface UserMessage {
  name: Buffer
  email: Buffer
  timezone: string
}

export interface CommitAuthor {
  name: Buffer
  email: Buffer
  date: Timestamp
  timezone: Buffer
}

export interface GitCommit {
  id: string
  subject: Buffer
  body: Buffer
  body_size: number
  author: CommitAuthor
  committer: CommitAuthor
  parent_ids: readonly string[]
  tree_id: string
  encoding: string
}

export interface Branch {
  name: Buffer
  target_commit: GitCommit
}

export interface Tag {
  name: Buffer
  id: string
  target_commit: GitCommit | null
  message: Buffer
  message_size: number
  tagger: CommitAuthor | null
}

export interface OperationBranchUpdate {
  commit_id: string
  repo_created: boolean
  branch_created: boolean
}

export interface Pagination {
  page_token: string
  limit: number
}

export const ObjectType = { UNKNOWN: 0, COMMIT: 1, BLOB: 2, TREE: 3, TAG: 4 } as const

interface OnRepository {
  repository: RepositoryMessage | null
}

// RepositoryService

export interface CreateRepositoryRequest extends OnRepository {
  default_branch: Buffer
  object_format: number
}

export const OBJECT_FORMAT_SHA256 = 2

export interface RepositoryRequest extends OnRepository {}

// RefService

export interface FindBranchRequest extends OnRepository {
  name: Buffer
}

export interface FindLocalBranchesRequest extends OnRepository {
  sort_by: number
  pagination_params: Pagination | null
}

export interface FindTagRequest extends OnRepository {
  tag_name: Buffer
}

export interface FindAllTagsRequest extends OnRepository {
  pagination_params: Pagination | null
}

export interface UpdateReferencesRequest extends OnRepository {
  updates: { reference: Buffer; old_object_id: Buffer; new_object_id: Buffer }[]
}

// CommitService

export interface FindCommitRequest extends OnRepository {
  revision: Buffer
}

export interface ListCommitsRequest extends OnRepository {
  revisions: string[]
  pagination_params: Pagination | null
  order: number
  first_parent: boolean
  reverse: boolean
  skip: number
  paths: Buffer[]
}

export interface CommitIsAncestorRequest extends OnRepository {
  ancestor_id: string
  child_id: string
}

export interface GetTreeEntriesRequest extends OnRepository {
  revision: Buffer
  path: Buffer
  recursive: boolean
  sort: number
  pagination_params: Pagination | null
}

export const TREES_FIRST = 1

export const TreeEntryType = { BLOB: 0, TREE: 1, COMMIT: 3 } as const

export interface TreeEntryMessage {
  oid: string
  path: Buffer
  type: number
  mode: number
  commit_oid: string
  flat_path: Buffer
}

// BlobService

export interface GetBlobsRequest extends OnRepository {
  revision_paths: { revision: string; path: Buffer }[]
  limit: number
}

// DiffService

export interface DiffRequest extends OnRepository {
  left_commit_id: string
  right_commit_id: string
}

export interface CommitDiffRequest extends DiffRequest {
  paths: Buffer[]
  collapse_diffs: boolean
  enforce_limits: boolean
  max_files: number
  max_lines: number
  max_bytes: number
  max_patch_bytes: number
  diff_mode: number
  whitespace_changes: number
}

// OperationService

export interface UserCreateBranchRequest extends OnRepository {
  branch_name: Buffer
  user: UserMessage | null
  start_point: Buffer
}

export interface UserDeleteBranchRequest extends OnRepository {
  branch_name: Buffer
  user: UserMessage | null
  expected_old_oid: string
}

export interface UserCommitFilesHeader extends OnRepository {
  user: UserMessage | null
  branch_name: Buffer
  commit_message: Buffer
  commit_author_name: Buffer
  commit_author_email: Buffer
  start_branch_name: Buffer
  start_repository: RepositoryMessage | null
  force: boolean
  start_sha: string
  timestamp: Timestamp | null
  expected_old_oid: string
}

export const ActionType = { CREATE: 0, CREATE_DIR: 1, UPDATE: 2, MOVE: 3, DELETE: 4, CHMOD: 5 } as const

export interface UserCommitFilesActionHeader {
  action: number
  file_path: Buffer
  previous_path: Buffer
  base64_content: boolean
  execute_filemode: boolean
  infer_content: boolean
}

export interface UserCommitFilesRequest {
  header?: UserCommitFilesHeader
  action?: { header?: UserCommitFilesActionHeader; content?: Buffer }
}

export interface UserMergeToRefRequest extends OnRepository {
  user: UserMessage | null
  source_sha: string
  branch: Buffer
  target_ref: Buffer
  message: Buffer
  first_parent_ref: Buffer
  timestamp: Timestamp | null
  expected_old_oid: string
}

export interface UserRebaseToRefRequest extends OnRepository {
  user: UserMessage | null
  source_sha: string
  target_ref: Buffer
  first_parent_ref: Buffer
  timestamp: Timestamp | null
  expected_old_oid: string
}

export interface UserMergeBranchRequest extends OnRepository {
  user: UserMessage | null
  commit_id: string
  branch: Buffer
  message: Buffer
  apply: boolean
  timestamp: Timestamp | null
  expected_old_oid: string
  squash: boolean
}

export interface UserMergeBranchResponse {
  commit_id?: string
  branch_update?: OperationBranchUpdate
}

export interface UserRevertRequest extends OnRepository {
  user: UserMessage | null
  commit: { id: string } | null
  branch_name: Buffer
  message: Buffer
  start_branch_name: Buffer
  start_repository: RepositoryMessage | null
  dry_run: boolean
  timestamp: Timestamp | null
  expected_old_oid: string
}

export interface UserCreateTagRequest extends OnRepository {
  tag_name: Buffer
  user: UserMessage | null
  target_revision: Buffer
  message: Buffer
  timestamp: Timestamp | null
}

export interface UserDeleteTagRequest extends OnRepository {
  tag_name: Buffer
  user: UserMessage | null
  expected_old_oid: string
}

// Values of the error details

export const IndexErrorType = {
  EMPTY_PATH: 1,
  INVALID_PATH: 2,
  DIRECTORY_EXISTS: 3,
  DIRECTORY_TRAVERSAL: 4,
  FILE_EXISTS: 5,
  FILE_NOT_FOUND: 6,
} as const

export const PathErrorType = {
  RELATIVE_PATH_ESCAPES_REPOSITORY: 2,
  ABSOLUTE_PATH: 3,
  LONG_PATH: 4,
  INVALID_PATH: 5,
} as const
