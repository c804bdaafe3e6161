package main

import (
	"errors"

	"github.com/go-desfire/desfire/pn532"
)

// serviceOf names what a ServiceLost event is about.
func serviceOf(err error) string {
	if errors.As(err, new(*pn532.LineError)) {
		return "PN532"
	}
	return "smart card service"
}
