//go:build !linux && !darwin && !windows

package pn532

import "runtime"

func serialPorts(string) ([]Candidate, error) { return nil, errNoList(runtime.GOOS) }

func holders(string, string) []string { return nil }
