using System.Text;

namespace AuthMesh.Client.Terminal;

/// <summary>
/// Handles standard input, output and error, which the caller may have closed, filled or connected to something other than a terminal.
/// </summary>
internal static class StandardStreams
{
    private const int Input = 0, Output = 1, Error = 2;

    public static bool IsInputClosed { get; } = IsClosed(Input);

    /// <summary>Call it before anything is written.</summary>
    public static void Prepare()
    {
        if (IsClosed(Output))
        {
            Console.SetOut(new ClosedWriter());
        }

        // Standard error carries messages and questions. If nobody can read them, the exit code alone still tells what happened.
        Console.SetError(IsClosed(Error) ? TextWriter.Null : new ForgivingWriter(Console.Error));
    }

    /// <summary>
    /// Whether the caller closed this descriptor. If so, the runtime has given the free number to a pipe of its own: text written there
    /// would go into the runtime itself, and a read would wait forever. Such a pipe has both ends in this process.
    /// </summary>
    private static bool IsClosed(int descriptor)
    {
        if (!OperatingSystem.IsLinux())
        {
            return false; // no /proc: a failing write is still reported, but a closed standard input looks like an open one
        }

        try
        {
            var target = TargetOf(descriptor.ToString());
            if (target?.StartsWith("pipe:", StringComparison.Ordinal) != true)
            {
                return target is null;
            }

            var ends = Directory.GetFileSystemEntries("/proc/self/fd").Select(path => Path.GetFileName(path))
                .Where(other => TargetOf(other) == target).Select(IsForWriting).Distinct();
            return ends.Count() > 1;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false; // no /proc in this container
        }
    }

    private static string? TargetOf(string descriptor) => new FileInfo($"/proc/self/fd/{descriptor}").LinkTarget;

    // "flags:\t0100001": the octal flags that it was opened with, whose last digit is 0 for reading, 1 for writing and 2 for both.
    private static bool IsForWriting(string descriptor) =>
        File.ReadLines($"/proc/self/fdinfo/{descriptor}").First(line => line.StartsWith("flags:", StringComparison.Ordinal))[^1] != '0';

    private sealed class ClosedWriter : TextWriter
    {
        public override Encoding Encoding => Encoding.UTF8;

        public override void Write(char value) => throw new IOException("It is closed");
    }

    /// <summary>Writes what it can and drops the rest, because it has no other place to report a failure.</summary>
    private sealed class ForgivingWriter(TextWriter inner) : TextWriter
    {
        public override Encoding Encoding => inner.Encoding;

        public override void Write(char value) => Write(value.ToString());

        public override void Write(char[] buffer, int index, int count) => Write(new string(buffer, index, count));

        public override void Write(string? value)
        {
            try
            {
                inner.Write(value);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // Standard error is full, closed, gone, or open for reading only.
            }
        }

        public override void WriteLine(string? value) => Write(value + NewLine);
    }
}
