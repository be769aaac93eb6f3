using System.Text.Json;

namespace AuthMesh.LocalMesh;

/// <summary>Settings for the services in JSON, as in appsettings.json, with comments and trailing commas.</summary>
internal static class SettingsFile
{
    private static readonly JsonDocumentOptions AsInSettings = new()
    {
        CommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
    };

    /// <exception cref="MeshException">The file cannot be read, or is not a JSON object.</exception>
    internal static Dictionary<string, string> Read(string file)
    {
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(file), AsInSettings);
            if (document.RootElement.ValueKind != JsonValueKind.Object) throw new MeshException($"{file} is not a JSON object");

            var settings = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
            Add(settings, "", document.RootElement);
            return settings;
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new MeshException($"{file} cannot be read: {problem.Message}");
        }
    }

    private static void Add(Dictionary<string, string> settings, string key, JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (var member in value.EnumerateObject()) Add(settings, Below(key, member.Name), member.Value);
                break;
            case JsonValueKind.Array:
                foreach (var (place, item) in value.EnumerateArray().Index()) Add(settings, Below(key, $"{place}"), item);
                break;
            default:
                settings[key] = value.ToString();
                break;
        }
    }

    private static string Below(string key, string name) => key.Length == 0 ? name : $"{key}:{name}";
}
