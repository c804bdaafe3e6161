// Package layouts has the layouts of this folder, for programs that make cards by
// them, and the tables of their cards.
package layouts

import (
	"embed"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// Files are the layouts, NAME.yaml, and for some the table beside it, NAME.csv.
//
//go:embed *.yaml *.csv
var Files embed.FS

// Rows are those of the table that lies beside the layout NAME.yaml, by column; one
// without columns if there is none.
func Rows(name string) ([]map[string]string, error) {
	f, err := Files.Open(name + ".csv")
	if errors.Is(err, fs.ErrNotExist) {
		return []map[string]string{{}}, nil
	} else if err != nil {
		return nil, err
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s.csv: %w", name, err)
	}
	if len(lines) < 2 {
		return nil, fmt.Errorf("%s.csv has no rows", name)
	}
	var rows []map[string]string
	for _, line := range lines[1:] {
		row := map[string]string{}
		for i, column := range lines[0] {
			row[strings.TrimSpace(column)] = line[i]
		}
		rows = append(rows, row)
	}
	return rows, nil
}
