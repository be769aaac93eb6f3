using Microsoft.Extensions.Primitives;

namespace AuthMesh.Cookies;

/// <summary>
/// Reads the Cookie header (RFC 6265 §5.4). If a name has several values, the framework's reader keeps one and does not say which.
/// </summary>
public static class CookieHeader
{
    /// <summary>Returns the values of a name, from all headers and in their order.</summary>
    /// <param name="headers">The Cookie headers of a request.</param>
    /// <param name="name">The exact name: cookie names are case-sensitive.</param>
    /// <param name="limit">The maximum number of values to return.</param>
    public static StringValues Find(StringValues headers, string name, int limit)
    {
        var values = StringValues.Empty;
        foreach (var header in headers)
        {
            foreach (var range in header.AsSpan().Split(';'))
            {
                var pair = header.AsSpan(range);
                if (pair.IndexOf('=') is >= 0 and var equals && pair[..equals].Trim(" \t").SequenceEqual(name))
                {
                    values = StringValues.Concat(values, pair[(equals + 1)..].Trim(" \t").ToString());
                    if (values.Count == limit)
                    {
                        return values;
                    }
                }
            }
        }

        return values;
    }
}
