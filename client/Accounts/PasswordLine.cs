using System.Text;
using AuthMesh.Client.CommandLine;

namespace AuthMesh.Client.Accounts;

/// <summary>A password from a file or pipe: the first line, up to the newline, with every other character kept.</summary>
internal static class PasswordLine
{
    private const int LongestLine = 4096; // bytes; a password has 256 code points of 4 bytes at most

    public static async Task<string> ReadAsync(Stream input, string source, CancellationToken cancellation)
    {
        var buffer = new byte[LongestLine];
        var length = 0;
        while (Array.IndexOf(buffer, (byte)'\n', 0, length) < 0)
        {
            if (length == buffer.Length)
            {
                throw CommandFailure.Usage($"The first line of {source} is too long for a password", "is it the right file?");
            }

            // WaitAsync, since a read from a pipe does not notice its cancellation.
            var count = await input.ReadAsync(buffer.AsMemory(length), cancellation).AsTask().WaitAsync(cancellation);
            if (count == 0)
            {
                break;
            }

            length += count;
        }

        return Decode(buffer.AsSpan(0, length), source);
    }

    private static string Decode(ReadOnlySpan<byte> bytes, string source)
    {
        var newline = bytes.IndexOf((byte)'\n');
        var line = newline < 0 ? bytes : bytes[..newline];
        if (OperatingSystem.IsWindows() && newline >= 0 && line is [.., (byte)'\r'])
        {
            line = line[..^1]; // a newline there is two characters
        }

        if (line.IsEmpty)
        {
            throw CommandFailure.Usage($"The first line of {source} is empty", "it must be the password");
        }

        try
        {
            // Strict, since a replaced character would make another password, and no BOM is dropped.
            return new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true).GetString(line);
        }
        catch (DecoderFallbackException)
        {
            throw CommandFailure.Usage($"The first line of {source} is not UTF-8", "save it as UTF-8");
        }
    }
}
