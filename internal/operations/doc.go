// Package operations is what programs of a fleet have for those who run them: logs,
// metrics and health, by the same names everywhere. docs/operations.md lists the metrics;
// a test keeps it true.
package operations
