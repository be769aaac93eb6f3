namespace AuthMesh.Client.Sessions;

internal static class ConfigurationFolder
{
    private const string Name = "authmesh";

    /// <summary>As help names it.</summary>
    public static string Shown => OperatingSystem.IsWindows() ? $@"%APPDATA%\{Name}" : $"$XDG_CONFIG_HOME/{Name} or ~/.config/{Name}";

    public static string Path()
    {
        var parent = OperatingSystem.IsWindows()
            ? Environment.GetFolderPath(Environment.SpecialFolder.ApplicationData)
            : UnixParent();
        return System.IO.Path.Combine(parent, Name);
    }

    private static string UnixParent() =>
        Environment.GetEnvironmentVariable("XDG_CONFIG_HOME") is { } folder && System.IO.Path.IsPathRooted(folder)
            ? folder // the XDG specification has relative paths ignored
            : System.IO.Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".config");
}
