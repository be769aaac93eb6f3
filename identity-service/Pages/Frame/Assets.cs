using System.Collections.Frozen;
using System.Security.Cryptography;
using System.Text;
using AuthMesh.Errors;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.Pages.Frame;

/// <summary>
/// The style sheet, the scripts and the logo. Each has the hash of its content in its name, so that browsers keep it for a year.
/// </summary>
internal sealed class Assets(IOptions<PageOptions> options)
{
    private const int HashLength = 10; // hexadecimal digits; tells versions apart and protects nothing

    private readonly Lazy<FrozenDictionary<string, Asset>> all = new(() => Read(options.Value).ToFrozenDictionary(asset => asset.Key));

    public static void Map(IEndpointRouteBuilder app) => app.MapGet("/assets/{name}", Send).AllowAnonymous();

    /// <summary>The path of an asset, with its hash.</summary>
    public string PathOf(string key) => "/assets/" + all.Value[key].Name;

    /// <summary>All assets, for tests that weigh them.</summary>
    internal IEnumerable<Asset> All => all.Value.Values;

    private static IResult Send(string name, HttpContext context, Assets assets, IOptions<PageOptions> options)
    {
        // During an update, a page of one replica asks another one for a file. It gets what that one has, and keeps it for no time.
        var asset = options.Value.Enabled
            ? assets.All.FirstOrDefault(asset => asset.Name == name) ?? assets.All.FirstOrDefault(asset => asset.HasBaseOf(name)) : null;
        if (asset is null)
        {
            return CommonFailures.FromStatus(StatusCodes.Status404NotFound);
        }

        context.Response.Headers.CacheControl = asset.Name == name ? "public, max-age=31536000, immutable" : "no-store";
        // An image that is opened by itself is a document of this origin, and an SVG may hold scripts.
        context.Response.Headers.ContentSecurityPolicy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox";
        return TypedResults.Bytes(asset.Content, asset.Type);
    }

    private static IEnumerable<Asset> Read(PageOptions options)
    {
        var palette = Palette.For(options.Accent);
        yield return Asset.Create(
            "style.css", "css", "text/css; charset=utf-8",
            Encoding.UTF8.GetBytes(
                Encoding.UTF8.GetString(Embedded("style.css")).Replace("#light-accent", palette.Light, StringComparison.Ordinal)
                .Replace("#dark-accent", palette.Dark, StringComparison.Ordinal)));
        foreach (var script in (string[])["passkeys.js", "passwords.js", "print.js", "send.js", "times.js"])
        {
            yield return Asset.Create(script, "js", "text/javascript; charset=utf-8", Embedded(script));
        }

        yield return options.LogoFile.EndsWith(".png", StringComparison.Ordinal)
            ? Asset.Create("logo", "png", "image/png", File.ReadAllBytes(options.LogoFile))
            : Asset.Create(
                "logo", "svg", "image/svg+xml", options.LogoFile.Length > 0 ? File.ReadAllBytes(options.LogoFile)
                : Encoding.UTF8.GetBytes(
                    Encoding.UTF8.GetString(Embedded("logo.svg")).Replace("#light-accent", palette.Light, StringComparison.Ordinal)
                    .Replace("#dark-accent", palette.Dark, StringComparison.Ordinal)));
    }

    private static byte[] Embedded(string name)
    {
        using var stream = typeof(Assets).Assembly.GetManifestResourceStream("assets/" + name)!;
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    internal sealed record Asset(string Key, string Name, string Type, byte[] Content)
    {
        public static Asset Create(string key, string extension, string type, byte[] content)
        {
            var hash = Convert.ToHexStringLower(SHA256.HashData(content))[..HashLength];
            return new Asset(key, $"{Path.GetFileNameWithoutExtension(key)}.{hash}.{extension}", type, content);
        }

        /// <summary>Whether the name is this asset's but for the hash.</summary>
        public bool HasBaseOf(string name) =>
            name.Split('.') is [var stem, { Length: HashLength }, var extension]
            && Name.Split('.') is [var own, _, var ownExtension] && stem == own && extension == ownExtension;
    }
}
