using System.Text;
using AuthMesh.Client.CommandLine;

namespace AuthMesh.Client.Accounts;

/// <summary>
/// Reads passwords from a file or pipe, one per line, by the rule of the services' secret files: UTF-8, with or without a byte order mark,
/// and without the line end, which is LF or CRLF. It keeps every other character.
/// </summary>
internal static class PasswordLines
{
    private const int LongestLine = 4096; // bytes; a password has 256 code points of 4 bytes at most

    private static readonly string[] Ordinals = ["first", "second"];

    public static async Task<string> ReadOneAsync(Stream input, string source, CancellationToken cancellation) =>
        (await ReadAsync(input, source, count: 1, cancellation))[0];

    public static async Task<IReadOnlyList<string>> ReadAsync(Stream input, string source, int count, CancellationToken cancellation)
    {
        var buffer = new byte[LongestLine * count];
        var length = 0;
        while (buffer.AsSpan(0, length).Count((byte)'\n') < count && length < buffer.Length)
        {
            // WaitAsync, because a read from a pipe ignores its cancellation.
            var read = await input.ReadAsync(buffer.AsMemory(length), cancellation).AsTask().WaitAsync(cancellation);
            if (read == 0)
            {
                break;
            }

            length += read;
        }

        var lines = new List<string>(count);
        var rest = buffer.AsMemory(0, length);
        if (rest.Span.StartsWith(Encoding.UTF8.Preamble))
        {
            rest = rest[Encoding.UTF8.Preamble.Length..];
        }

        foreach (var ordinal in Ordinals.Take(count))
        {
            var newline = rest.Span.IndexOf((byte)'\n');
            lines.Add(Decode(newline < 0 ? rest.Span : rest.Span[..newline], $"The {ordinal} line of {source}"));
            rest = newline < 0 ? default : rest[(newline + 1)..];
        }

        return lines;
    }

    private static string Decode(ReadOnlySpan<byte> line, string place)
    {
        line = line.TrimEnd((byte)'\r');
        if (line.IsEmpty)
        {
            throw CommandFailure.Usage($"{place} is empty", "it must hold the password");
        }

        if (line.Length >= LongestLine)
        {
            throw CommandFailure.Usage($"{place} is too long for a password", "is it the right file?");
        }

        try
        {
            // Strict, because a replaced character would change the password.
            return new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true).GetString(line);
        }
        catch (DecoderFallbackException)
        {
            throw CommandFailure.Usage($"{place} is not UTF-8", "save it as UTF-8");
        }
    }
}
