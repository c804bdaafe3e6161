//go:build !unix

package keytext

import "io/fs"

// Access is who else can get at a file.
type Access struct {
	Read, Write, Own bool
}

// AccessOf knows nothing here.
func AccessOf(fs.FileInfo) (Access, bool) { return Access{}, false }
