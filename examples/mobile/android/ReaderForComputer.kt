package org.example.desfire

import android.nfc.tech.IsoDep
import mobile.Computer
import mobile.ComputerWatcher
import mobile.Mobile
import mobile.Pairing
import mobile.PairingScreen
import mobile.TagOpener
import mobile.Transceiver

/** This phone as a reader of a computer: pair once, connect, and offer each card that is held to the phone. */
class ReaderForComputer(private val screen: PairingScreen, private val say: (String) -> Unit) {
    private var computer: Computer? = null

    /** On a thread of its own. Keep the credential where other apps cannot read it. */
    fun pair(address: String): String = Mobile.newPairing(screen).pair(address, android.os.Build.MODEL)

    fun connect(credential: String) {
        computer = Mobile.connectComputer(credential, object : ComputerWatcher {
            override fun changed(state: String, why: String) = say("$state $why")
        })
    }

    /** On the thread of onTagDiscovered: it returns when the card has left. */
    fun offer(tag: IsoDep) {
        try {
            computer?.offer(object : TagOpener {
                override fun open(): Transceiver = IsoDepTransceiver(tag).open()
            }, null)
        } catch (e: Exception) {
            say(Mobile.explain(e).what)
        }
    }

    fun close() {
        computer?.close()
        computer = null
    }
}
