//go:build !unix

package doctor

import (
	"errors"
	"strconv"
)

func may(string) error { return nil }

func groupOf(string) (string, error) { return "", errors.ErrUnsupported }

func groupName(id int) string { return strconv.Itoa(id) }
