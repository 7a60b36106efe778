import { defineConfig } from 'vitest/config'

/** Real processes share two cores: files one after another, each test with room for a slow machine. */
const common = { testTimeout: 180_000, hookTimeout: 180_000 }

export default defineConfig({
  test: {
    fileParallelism: false,
    projects: [
      {
        test: {
          ...common,
          name: 'reference',
          include: ['reference/**/*.test.ts'],
          // A real replica set and a real git backend for the server's own tests.
          globalSetup: ['test/stack-for-reference.ts'],
        },
      },
      {
        test: {
          ...common,
          name: 'harness',
          include: ['{harness,scenarios,faults,checklist,security,seed,reports,test}/**/*.test.ts'],
        },
      },
      {
        // The security checks of a target, claim by claim. Not part of `make test`: they judge a Conman, not this project.
        test: {
          ...common,
          name: 'security',
          include: ['security/target.suite.ts'],
          globalSetup: ['security/target.setup.ts'],
        },
      },
    ],
  },
})
