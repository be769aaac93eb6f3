using System.Text;
using AuthMesh.Client.CommandLine;

namespace AuthMesh.Client.Terminal;

/// <summary>Asks at the terminal. Questions go to standard error, so that standard output stays clean for --json.</summary>
internal static class Prompt
{
    public static bool IsPossible => !Console.IsInputRedirected;

    public static Task<string> AskAsync(string question, CancellationToken cancellation) =>
        ReadAsync(question, isHidden: false, cancellation);

    public static Task<string> AskHiddenAsync(string question, CancellationToken cancellation) =>
        ReadAsync(question, isHidden: true, cancellation);

    private static async Task<string> ReadAsync(string question, bool isHidden, CancellationToken cancellation)
    {
        Console.Error.Write(question);
        try
        {
            // ReadKey cannot be cancelled. On Ctrl-C its thread stays behind, and the runtime resets the terminal at exit.
            return await Task.Run(() => ReadLine(isHidden), CancellationToken.None).WaitAsync(cancellation);
        }
        catch (Exception exception) when (exception is IOException or InvalidOperationException) // its window closed under nohup
        {
            throw CommandFailure.Usage($"The terminal cannot be read: {exception.Message}", "run the command again at a terminal");
        }
        finally
        {
            Console.Error.WriteLine();
        }
    }

    // Accepted weakness of .NET 10's ReadKey: if the bytes of a non-ASCII character arrive in two reads, it returns the character before it
    // again. Terminals write a character's bytes at once, so this happens only to a line that is split on its way.
    private static string ReadLine(bool isHidden)
    {
        var line = new StringBuilder();
        while (true)
        {
            var key = Console.ReadKey(intercept: true);
            switch (key)
            {
                case { Key: ConsoleKey.Enter }:
                    return line.ToString();
                case { Key: ConsoleKey.D, Modifiers: ConsoleModifiers.Control } when line.Length == 0:
                    throw new OperationCanceledException();
                case { Key: ConsoleKey.U, Modifiers: ConsoleModifiers.Control }:
                    Erase(line, line.Length, isHidden);
                    break;
                case { Key: ConsoleKey.Backspace }:
                    Erase(line, LastCharacterLength(line), isHidden);
                    break;
                case { KeyChar: var character } when !char.IsControl(character):
                    line.Append(character);
                    if (!isHidden)
                    {
                        Console.Error.Write(character);
                    }

                    break;
            }
        }
    }

    private static int LastCharacterLength(StringBuilder line) =>
        line.Length >= 2 && char.IsLowSurrogate(line[^1]) ? 2 : Math.Min(line.Length, 1);

    private static void Erase(StringBuilder line, int count, bool isHidden)
    {
        line.Length -= count;
        if (!isHidden)
        {
            Console.Error.Write(string.Concat(Enumerable.Repeat("\b \b", count)));
        }
    }
}
