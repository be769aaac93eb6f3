using System.Globalization;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Html;
using QRCoder;

namespace AuthMesh.Identity.Pages.Account;

/// <summary>Draws a QR code as one path of an inline SVG, without styles, which the pages' Content-Security-Policy forbids.</summary>
internal static class QrCode
{
    public static HtmlString Draw(string text, string label)
    {
        using var data = QRCodeGenerator.GenerateQrCode(text, QRCodeGenerator.ECCLevel.M); // its matrix has the quiet zone
        var path = new StringBuilder();
        for (var y = 0; y < data.ModuleMatrix.Count; y++)
        {
            for (var x = 0; x < data.ModuleMatrix[y].Length; x++)
            {
                var start = x;
                while (x < data.ModuleMatrix[y].Length && data.ModuleMatrix[y][x])
                {
                    x++;
                }

                if (x > start)
                {
                    path.Append(CultureInfo.InvariantCulture, $"M{start} {y}h{x - start}v1h-{x - start}z");
                }
            }
        }

        var size = data.ModuleMatrix.Count;
        return new HtmlString(
            $"""
            <svg class="qr" role="img" aria-label="{WebUtility.HtmlEncode(label)}" viewBox="0 0 {size} {size}" shape-rendering="crispEdges">
            <path fill="currentColor" d="{path}"/></svg>
            """);
    }
}
