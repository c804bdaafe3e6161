package pn532

import (
	"fmt"

	"go.bug.st/serial/enumerator"
)

// serialPorts asks the registry and the device manager, which opens no port.
func serialPorts(string) (list []Candidate, err error) {
	ports, err := enumerator.GetDetailedPortsList()
	if err != nil {
		return nil, fmt.Errorf("pn532: %w", err)
	}
	for _, p := range ports {
		if c, ok := usbCandidate(p.Name, p.VID, p.PID); ok {
			list = append(list, c)
		}
	}
	return list, nil
}

// holders are not known. A port that another program has cannot be opened.
func holders(string, string) []string { return nil }
