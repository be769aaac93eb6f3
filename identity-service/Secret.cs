using AuthMesh.Settings;

namespace AuthMesh.Identity;

/// <summary>A secret that stands in a setting or in the file that a second setting names, as container platforms hand them out.</summary>
internal static class Secret
{
    /// <summary>What the secrets of the quick start begin with. They are public, so only Development accepts them.</summary>
    public const string PresetPrefix = "authmesh-development";

    /// <summary>Reads the secret without the line end that editors leave behind.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file is not ours to read.</exception>
    public static string Read(string value, string file) => file.Length == 0 ? value : File.ReadAllText(file).TrimEnd('\r', '\n');

    /// <summary>Reads the secret, or notes why that cannot be done; never its value.</summary>
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
