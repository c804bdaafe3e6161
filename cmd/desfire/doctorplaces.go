package main

import (
	"errors"
	"io/fs"
	"net"
	"slices"

	"github.com/go-desfire/desfire/doctor"
	"github.com/go-desfire/desfire/phone"
	"github.com/go-desfire/desfire/remote"
	"github.com/nats-io/nats.go"
)

// schemeCauses are what can be in the way of a reader in a fleet, and of a phone: these schemes are
// the tool's, and so is what their errors mean.
var schemeCauses = []doctor.Cause{
	{ID: "fleet-file", Severity: doctor.Bad, What: "there is no fleet file to be let in with", Next: "give one: --fleet FILE, or DESFIRE_FLEET; desfire-server writes that of an operator and says where"},
	{ID: "fleet-away", Severity: doctor.Bad, What: "the centre of the fleet cannot be reached", Next: "look at the network, at the address in the fleet file, and at the centre: systemctl status desfire-server"},
	{ID: "fleet-refused", Severity: doctor.Bad, What: "the centre does not let this fleet file in", Next: "an operator can let it in again: desfire fleet agents token NAME"},
	{ID: "fleet-agent", Severity: doctor.Bad, What: "no such agent is connected to the fleet", Next: "desfire fleet agents"},
	{ID: "fleet-reader", Severity: doctor.Bad, What: "the fleet has no such reader", Next: "desfire fleet readers"},
	{ID: "phone-none", Severity: doctor.Bad, What: "no phone is paired with this computer", Next: "desfire phone pair"},
	{ID: "phone-unknown", Severity: doctor.Bad, What: "no phone of that name is paired", Next: "desfire phone list"},
	{ID: "phone-away", Severity: doctor.Bad, What: "no phone that is paired is connected", Next: "open the app on the phone, in a network from which it reaches this computer, or there: desfire phone offer"},
}

// explained is what an error of a place means that the library of the doctor does not
// know.
func (a *app) explained(err error) *doctor.Finding {
	id, reader := "", new(remote.NoReaderError)
	var network net.Error
	var advice *adviceError
	switch {
	case errors.Is(err, remote.ErrNoAgent):
		id = "fleet-agent"
	case errors.As(err, &reader):
		id = "fleet-reader"
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthRevoked), errors.Is(err, nats.ErrAuthExpired):
		id = "fleet-refused"
	case errors.Is(err, phone.ErrNoPhones):
		id = "phone-none"
	case errors.Is(err, phone.ErrUnknownPhone):
		id = "phone-unknown"
	case errors.Is(err, phone.ErrNotThere):
		id = "phone-away"
	case errors.Is(err, phone.ErrNoCard):
		return &doctor.Finding{ID: "card-none", Severity: doctor.Good, What: "the phone is connected and has no card", Where: a.reader, Next: "hold one to it"}
	case !a.inFleet():
	case a.fleetPath == "", errors.As(err, new(*fs.PathError)):
		id = "fleet-file"
	case errors.Is(err, remote.ErrNotConnected), errors.Is(err, nats.ErrNoServers), errors.Is(err, nats.ErrTimeout), errors.As(err, &network):
		id = "fleet-away"
	}
	f := &doctor.Finding{ID: "place-fails", Severity: doctor.Bad, What: oneLine(err), Where: a.reader}
	if n := slices.IndexFunc(schemeCauses, func(c doctor.Cause) bool { return c.ID == id }); n >= 0 {
		f.ID, f.Next = id, schemeCauses[n].Next
	}
	switch {
	case errors.As(err, &advice):
		f.Next = advice.next
	case id == "":
		return nil
	}
	return f
}
