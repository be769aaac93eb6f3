namespace AuthMesh.Settings;

/// <summary>A secret from a setting, or from the file that a second setting names, as container platforms provide it.</summary>
public static class Secret
{
    /// <summary>The prefix of the quick start's secrets. They are public, so only Development accepts them.</summary>
    public const string PresetPrefix = "authmesh-development";

    /// <summary>Reads the secret without the line end that editors add.</summary>
    /// <param name="value">The setting.</param>
    /// <param name="file">The setting that names a file. The file is read if this is not empty.</param>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The process may not read the file.</exception>
    public static string Read(string value, string file) => file.Length == 0 ? value : File.ReadAllText(file).TrimEnd('\r', '\n');

    /// <summary>Reads the secret, or notes why it cannot. The note never holds the value.</summary>
    /// <param name="value">The setting.</param>
    /// <param name="file">The setting that names a file.</param>
    /// <param name="key">The first setting's key below its section; the second's is the same with <c>File</c>.</param>
    /// <param name="problems">Where to note it.</param>
    public static string? TryRead(string value, string file, string key, SettingProblems problems)
    {
        problems.Unless(value.Length == 0 || file.Length == 0, key, $"and {key}File are both set. Keep one.");
        try
        {
            return Read(value, file);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            problems.Unless(false, key + "File", $"names a file that cannot be read: {exception.Message}");
            return null;
        }
    }
}
