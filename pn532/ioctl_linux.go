//go:build linux && !mips && !mipsle && !mips64 && !mips64le && !ppc64 && !ppc64le && !sparc64

package pn532

// ioctlWrite marks a request that hands something to the kernel.
const ioctlWrite = 1 << 30
