namespace AuthMesh.Client.Terminal;

/// <summary>Rows under dim titles, each column as wide as its widest cell.</summary>
internal static class Table
{
    public static void Write(Output output, string[] titles, IEnumerable<string[]> rows)
    {
        string[][] lines = [titles, .. rows.Select(row => row.Select(SafeText.Escape).ToArray())]; // escaped before it is measured
        var widths = titles.Select((_, column) => lines.Max(line => line[column].Length)).ToArray();
        foreach (var line in lines)
        {
            var cells = line.Select((cell, column) => cell.PadRight(widths[column]));
            output.Line(string.Join("  ", cells).TrimEnd(), line == titles ? Colour.Dim : null);
        }
    }
}
