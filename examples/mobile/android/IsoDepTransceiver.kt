package org.example.desfire

import android.nfc.TagLostException
import android.nfc.tech.IsoDep
import mobile.Transceiver

/** A tag of Android as the library takes it. The library asks present() after an error, so that no exception needs a type. */
class IsoDepTransceiver(private val tag: IsoDep) : Transceiver {
    @Volatile private var lost = false

    /** What was opened before is closed, which resets the tag, and the tag is activated anew. */
    fun open(): IsoDepTransceiver {
        if (tag.isConnected) tag.close()
        tag.connect()
        tag.timeout = 5000 // longer than the library waits for one exchange
        return this
    }

    override fun transceive(command: ByteArray): ByteArray = try {
        tag.transceive(command)
    } catch (e: TagLostException) {
        lost = true
        throw e
    }

    override fun maxLength(): Long = tag.maxTransceiveLength.toLong()

    override fun present(): Boolean = !lost && tag.isConnected

    override fun close() = tag.close()
}
