using System.Text.Json;
using Microsoft.Extensions.Configuration;

namespace AuthMesh.LocalMesh;

/// <summary>Settings for the services in JSON, read as the services read their appsettings.json.</summary>
internal static class SettingsFile
{
    /// <exception cref="MeshException">The file cannot be read, or is not a JSON object.</exception>
    internal static Dictionary<string, string> Read(string file)
    {
        try
        {
            using var text = File.OpenRead(file);
            return new ConfigurationBuilder().AddJsonStream(text).Build().AsEnumerable()
                .Where(setting => setting.Value is not null) // an object or an array has none of its own
                .ToDictionary(setting => setting.Key, setting => setting.Value!, StringComparer.OrdinalIgnoreCase);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException or FormatException or JsonException)
        {
            throw new MeshException($"{file} cannot be read: {problem.Message}");
        }
    }
}
