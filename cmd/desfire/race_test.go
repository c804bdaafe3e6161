//go:build race

package main

// raceEnabled: the race detector is at work, and makes processes slow to start.
const raceEnabled = true
