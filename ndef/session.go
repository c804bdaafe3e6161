package ndef

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire/wire"
)

// Files finds the numbers of the files with ISO identifiers in the selected
// application, in a map of the caller's. The card lists numbers and identifiers apart, both in the order
// of creation.
func Files(ctx context.Context, card Card, g wire.Generation) (map[wire.ISOFID]wire.FileNo, error) {
	files := map[wire.ISOFID]wire.FileNo{}
	switch {
	case g == wire.D40:
		return D40Files(), nil
	case !g.Has(wire.FeatureISOFiles): // they come with the card
		for _, f := range g.FixedFiles() {
			files[f.FID] = f.No
		}
		return files, nil
	}
	var numbers wire.FileIDs
	if err := card.Run(ctx, &wire.GetFileIDs{}, &numbers); err != nil {
		return nil, fmt.Errorf("NDEF: the files of the application: %w", err)
	}
	var ids wire.ISOFileIDs
	if err := card.Run(ctx, &wire.GetISOFileIDs{}, &ids); err != nil {
		return nil, fmt.Errorf("NDEF: the ISO identifiers of the files: %w", err)
	}
	next := 0
	for _, no := range numbers.Files {
		var fs wire.FileSettings
		if err := card.Run(ctx, &wire.GetFileSettings{File: no}, &fs); err != nil {
			return nil, fmt.Errorf("NDEF: file %d: %w", no, err)
		}
		if fs.Type == wire.FileValue || fs.Type == wire.FileTransactionMAC {
			continue // these have no identifier
		}
		if next == len(ids.FIDs) {
			return nil, errors.New("NDEF: the card lists more files than identifiers")
		}
		files[ids.FIDs[next]] = no
		next++
	}
	return files, nil
}
